import { screen } from "@testing-library/react";
import { expect, it } from "vitest";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { AttributionCard } from "./attribution-card";

const attribution = {
  correct: 900,
  neverRetrieved: 99,
  notSelected: 1,
  generatorFailed: 0,
  scorerDoubtful: 0,
  noGold: 0,
  withGold: 0,
  withGoldCorrect: 0,
};
const board = {
  columns: [],
  rows: [{ id: "rag", label: "RAG", generates: false, cells: [{ runId: "r", attribution }] }],
} as unknown as Leaderboard;

it("counts lead to the episodes of each stage, however thin its part of the bar is", () => {
  renderPage(<AttributionCard board={board} />);
  const links = screen.getAllByRole("link");
  expect(links.map((link) => [link.textContent, link.getAttribute("href")])).toEqual([
    ["900", "/runs/r?tab=episodes&filter=correct"],
    ["99", "/runs/r?tab=episodes&filter=never-retrieved"],
    ["1", "/runs/r?tab=episodes&filter=not-selected"],
  ]);
  screen.getByRole("link", { name: /^RAG: not selected, 1 of 1,000$/i });
});
