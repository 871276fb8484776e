import { within } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { EpisodeRow } from "@/app/_lib/live/trpc";
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
    tokens: 1234,
    type: "bridge",
    attribution: "correct",
    formatErrors: [],
    labels: [],
    ...changes,
  }) as EpisodeRow;

const draw = (rows: EpisodeRow[], onNearEnd?: () => void) =>
  renderPage(
    <EpisodesTable
      runId="r"
      rows={rows}
      filter={{ sort: "recorded", sortDirection: "descending" }}
      onNearEnd={onNearEnd}
    />,
  );
const setWide = (matches: boolean) => {
  window.matchMedia = () =>
    ({ matches, addEventListener: () => {}, removeEventListener: () => {} }) as never;
};
const readRow = (id: string) => {
  const row = document.querySelector<HTMLTableRowElement>(`tr[data-episode="${id}"]`)!;
  return { ...within(row), cells: [...row.cells].map(({ textContent }) => textContent) };
};

it("each row leads to its episode and says how it went", () => {
  setWide(true);
  draw([createEpisode("a")]);
  const row = readRow("a");
  expect(row.getByRole("link", { name: "Question a?" }).getAttribute("href")).toBe(
    "/runs/r/episodes/a",
  );
  expect(row.getByRole("img", { name: "right" })).toBeTruthy();
  expect(row.getByRole("img", { name: "wrong" }), "naive RAG's answer").toBeTruthy();
  expect(row.cells.slice(4)).toEqual(["1", "−0.5", "2", "3", "1,234", "bridge", "correct"]);
  expect(row.cells[1]).toBe("4 sample 2");
});

it("says that searches are unknown where an import does not show them", () => {
  setWide(true);
  draw([createEpisode("a", { searches: null }), createEpisode("b", { searches: 0 })]);
  expect([readRow("a").cells[6], readRow("b").cells[6]]).toEqual(["unknown", "0"]);
});

it("says what is missing, and each format error once", () => {
  setWide(true);
  draw([
    createEpisode("b", {
      answer: null,
      score: null,
      baselineScore: 0.5,
      reward: null,
      advantage: null,
      tokens: null,
      type: null,
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
    "–",
    "–",
    "never retrievedbad query",
  ]);
});

it.each([true, false])("shows the labels of an episode (wide: %s)", (isWide) => {
  setWide(isWide);
  draw([createEpisode("a", { labels: ["odd", "for the paper"] }), createEpisode("b")]);
  const labels = (id: string) =>
    [...document.querySelectorAll(`[data-episode="${id}"] [data-label]`)].map(
      ({ textContent }) => textContent,
    );
  expect(labels("a")).toEqual(["odd", "for the paper"]);
  expect(labels("b")).toEqual([]);
});

it("lists the same episodes for narrow screens", () => {
  setWide(false);
  draw([createEpisode("a"), createEpisode("b", { step: null, phase: "predict" })]);
  const items = [...document.querySelectorAll("li[data-episode]")];
  expect(items.map((item) => item.querySelector("a")!.textContent)).toEqual([
    "Question a?",
    "Question b?",
  ]);
  expect(items[0]!.textContent).toContain("step 4, train");
});

it("draws only the rows near the screen", () => {
  setWide(true);
  const rows = Array.from({ length: 1000 }, (_, i) => createEpisode(String(i)));
  draw(rows);
  expect(document.querySelectorAll("tr[data-episode]").length).toBeLessThan(150);
  const [gap] = document.querySelectorAll<HTMLElement>("tr[aria-hidden]");
  expect(Number.parseInt(gap!.style.height)).toBeGreaterThan(40_000);
});

it("asks for no more rows before the reader comes near the end of those that are there", () => {
  setWide(true);
  const onNearEnd = vi.fn();
  draw(
    Array.from({ length: 100 }, (_, i) => createEpisode(String(i))),
    onNearEnd,
  );
  expect(onNearEnd).not.toHaveBeenCalled();
  draw([createEpisode("last")], onNearEnd);
  expect(onNearEnd).toHaveBeenCalled();
});
