// @vitest-environment jsdom
import { within } from "@testing-library/react";
import { expect, it } from "vitest";
import type { EpisodeRow } from "@/app/_lib/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { EpisodesTable } from "./episodes-table";

const createEpisode = (id: string, changes: Partial<EpisodeRow> = {}): EpisodeRow =>
  ({
    id,
    question: `Question ${id}?`,
    answer: "Lima",
    step: 4,
    phase: "train",
    sampleIndex: 1,
    score: 1,
    baselineScore: 0,
    reward: 1,
    advantage: -0.5,
    searches: 2,
    documents: 3,
    attribution: "correct",
    formatErrors: [],
    ...changes,
  }) as EpisodeRow;

const draw = (rows: EpisodeRow[]) => renderPage(<EpisodesTable runId="r" rows={rows} />);
const readRow = (id: string) => {
  const row = document.querySelector<HTMLTableRowElement>(`tr[data-episode="${id}"]`)!;
  return { ...within(row), cells: [...row.cells].map(({ textContent }) => textContent) };
};

it("each row leads to its episode and says how it went", () => {
  draw([createEpisode("a")]);
  const row = readRow("a");
  expect(row.getByRole("link", { name: "Question a?" }).getAttribute("href")).toBe(
    "/runs/r/episodes/a",
  );
  expect(row.getByRole("img", { name: "right" })).toBeTruthy();
  expect(row.getByRole("img", { name: "wrong" }), "naive RAG's answer").toBeTruthy();
  expect(row.cells.slice(4)).toEqual(["1", "−0.5", "2", "3", "correct"]);
  expect(row.cells[1]).toBe("4 sample 2");
});

it("says what is missing, and each format error once", () => {
  draw([
    createEpisode("b", {
      answer: null,
      score: null,
      baselineScore: 0.5,
      reward: null,
      advantage: null,
      step: null,
      phase: "predict",
      attribution: "never-retrieved",
      formatErrors: ["bad-query", "bad-query"] as never,
    }),
  ]);
  const row = readRow("b");
  expect(row.getByText("no answer")).toBeTruthy();
  expect(row.cells.slice(1)).toEqual([
    "– predict",
    "–",
    "0.5",
    "–",
    "–",
    "2",
    "3",
    "never retrievedbad query",
  ]);
});

it("lists the same episodes for narrow screens", () => {
  draw([createEpisode("a"), createEpisode("b", { step: null, phase: "predict" })]);
  const items = [...document.querySelectorAll("li[data-episode]")];
  expect(items.map((item) => item.querySelector("a")!.textContent)).toEqual([
    "Question a?",
    "Question b?",
  ]);
  expect(items[0]!.textContent).toContain("step 4, train");
});
