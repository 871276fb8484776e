import { screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { RunStatistics } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import { computePredictionSpent } from "@/app/runs/[runId]/_components/metrics/compute-spent";
import { PredictionSpent } from "./prediction-spent";

const answers = {
  questionSet: "atlas",
  generator: "gpt",
  promptStyle: "chat/1",
  answered: 40,
  scored: 40,
  tokens: 300,
  costUsd: 0.01,
};

describe("what a prediction took", () => {
  it("is the mean of its answers times their number, whatever the scorers", () => {
    expect(computePredictionSpent([answers, { ...answers, scored: 10, tokens: 500 }])).toEqual({
      tokensEach: 300,
      tokens: { amount: 12_000, isPartial: false },
      cost: { amount: 0.4, isPartial: false },
    });
    expect(computePredictionSpent([])).toBeNull();
  });

  it("adds what several generators answered, and claims no whole where a part is not known", () => {
    const split = [
      { ...answers, scored: 30 },
      { ...answers, generator: "local", scored: 10, tokens: 100, costUsd: null },
    ];
    expect(computePredictionSpent(split)).toEqual({
      tokensEach: 250,
      tokens: { amount: 10_000, isPartial: false },
      cost: { amount: expect.closeTo(0.3, 10) as unknown, isPartial: true },
    });
    expect(computePredictionSpent([{ ...answers, scored: 20 }])).toMatchObject({
      tokens: { amount: 6000, isPartial: true },
      cost: { amount: 0.2, isPartial: true },
    });
  });

  it("is not known where nobody counted it", () => {
    expect(computePredictionSpent([{ ...answers, tokens: null, costUsd: null }])).toEqual({
      tokensEach: null,
      tokens: null,
      cost: "unknown",
    });
  });
});

const draw = (...statistics: Partial<RunStatistics>[]) =>
  renderPage(<PredictionSpent runId="r" />, {
    "leaderboard.run": () =>
      statistics.map((one) => ({ ...answers, ...one }) as unknown as RunStatistics),
  });
const findText = async () => (await screen.findByTestId("prediction-spent")).textContent;

it("stands in one line", async () => {
  draw({});
  expect(await findText()).toBe(
    "Searcher and generator: 300 tokens a question, about 12,000 in all; US$0.4 at endpoints. Answers that were taken over count as when they were made.",
  );
});

it("says what is missing", async () => {
  draw({ scored: 20, costUsd: null });
  expect(await findText()).toMatch(
    /at least 6,000 in all; cost of endpoints not known, as no price is set\./,
  );
});

it("says so where tokens were not counted", async () => {
  draw({ tokens: null });
  expect(await findText()).toMatch(/^Tokens of searcher and generator were not counted; /);
});
