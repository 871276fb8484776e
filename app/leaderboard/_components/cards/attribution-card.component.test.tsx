import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
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

it("shows the question set that the address holds, and keeps there which one is chosen", async () => {
  const cells = ["r", "s"].map((runId) => ({ runId, attribution }));
  const columns = ["first", "second"].map((questionSet) => ({
    id: `${questionSet} questions`,
    questionSet,
    version: "1",
    limit: null,
  }));
  const two = { columns, rows: [{ id: "rag", label: "RAG", generates: false, cells }] };
  renderPage(
    <AttributionCard board={two as unknown as Leaderboard} />,
    {},
    "/leaderboard?lost=second+questions",
  );
  const getRun = () => screen.getAllByRole("link")[0]!.getAttribute("href")!.split("?")[0];
  const select = screen.getByRole<HTMLSelectElement>("combobox", { name: "Question set" });
  expect(select.value).toBe("1");
  expect(getRun()).toBe("/runs/s");
  await userEvent.selectOptions(select, "first");
  expect(getRun()).toBe("/runs/r");
  expect(window.location.search).toBe("");
  await userEvent.selectOptions(select, "second");
  expect(getRun()).toBe("/runs/s");
  expect(new URLSearchParams(window.location.search).get("lost")).toBe("second questions");
});
