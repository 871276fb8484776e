import { expect, it } from "vitest";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { arrangeRows } from "./arrange-rows";

const cell = (mean: number, rank: number | null = 1) => ({ mean, rank, searches: mean * 10 });
const board = {
  columns: [{ id: "c", questionSet: "nq", version: "1", limit: null }],
  rows: [
    { key: "1", label: "s3", method: "s3", detail: "e5", average: null, cells: [cell(0.5)] },
    { key: "2", label: "RAG", method: "rag", detail: "BM25", average: 0.2, cells: [cell(0.4)] },
    {
      key: "3",
      label: "IRCoT",
      method: "ircot",
      detail: "e5",
      average: 0.3,
      cells: [cell(0.9, null)],
    },
  ],
} as unknown as Leaderboard;
const arrange = (column: string | null, search = "", pinned: string[] = []) =>
  arrangeRows(board, {
    sort: column === null ? null : { column, descending: false },
    search,
    pinned,
  }).map(({ key }) => key);

it("rows are sorted by any column, searched, and pinned before all others", () => {
  expect(arrange(null)).toEqual(["1", "2", "3"]);
  expect(arrange("method")).toEqual(["3", "2", "1"]);
  expect(arrange("nq"), "without a rank it is last").toEqual(["2", "1", "3"]);
  expect(arrange("average"), "without a value it is last").toEqual(["2", "3", "1"]);
  expect(arrange("searches")).toEqual(["2", "1", "3"]);
  expect(arrange(null, " E5 ")).toEqual(["1", "3"]);
  expect(arrange("nq", "e5", ["2", "3"]), "pinned rows stay").toEqual(["2", "3", "1"]);
});
