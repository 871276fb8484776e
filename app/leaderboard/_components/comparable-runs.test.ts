import { expect, it } from "vitest";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { findComparableRuns } from "./comparable-runs";
import { ENGLISH } from "./table/leaderboard-text";

const columns = ["nq", "hotpotqa/dev", "2wiki"].map((questionSet) => ({
  id: questionSet,
  questionSet,
  version: "1",
  limit: null,
  questions: 10,
  ceiling: null,
}));
const row = (id: string, cells: (number | null | undefined)[]) => ({
  id,
  cells: cells.map((rank, i) => (rank === undefined ? null : { runId: `${id} ${i}`, rank })),
});
const board = {
  columns,
  rows: [
    row("s3", [1, 1, null]),
    row("rag", [undefined, 2, 1]),
    row("direct", [2, undefined, undefined]),
    row("cot", [undefined, null, null]),
  ],
} as unknown as Leaderboard;

it("compares runs of one column that all picked rows share, one where they are complete before others", () => {
  expect(findComparableRuns(ENGLISH, board, ["s3", "rag"])).toEqual({
    runs: ["s3 1", "rag 1"],
    column: "hotpotqa/dev",
  });
  expect(findComparableRuns(ENGLISH, board, ["s3", "direct"])).toEqual({
    runs: ["s3 0", "direct 0"],
    column: "nq",
  });
  expect(findComparableRuns(ENGLISH, board, ["s3", "cot"]), "none complete").toEqual({
    runs: ["s3 1", "cot 1"],
    column: "hotpotqa/dev",
  });
});

it("says why rows cannot be compared", () => {
  expect(findComparableRuns(ENGLISH, board, ["rag", "direct"])).toEqual({
    runs: null,
    reason: expect.stringContaining("No question set has results of all 2 methods") as string,
  });
  expect(findComparableRuns(ENGLISH, board, ["s3"])).toEqual({
    runs: null,
    reason: "Tick two to six methods",
  });
  // A row that was picked in another scope is not there.
  expect(findComparableRuns(ENGLISH, board, ["s3", "gone"])).toMatchObject({ runs: null });
});
