import { screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import type { RunDetail } from "@/app/_lib/live/trpc";
import { renderPage } from "@/app/_testing/render-page";
import type { Progress } from "@/contracts/worker-protocol/reports";
import { RunPhase } from "./run-phase";
import { addReport } from "./use-time-left";

const RUN_ID = "00000000-0000-4000-8000-000000000001";
const START = Date.UTC(2026, 0, 1);
const buildRun = (kind: "predict" | "index", state: RunDetail["state"], progress: Progress) =>
  ({
    id: RUN_ID,
    state,
    kind,
    config: { kind },
    progress,
    attempt: 1,
    attempts: [{ number: 1, startedAt: new Date(START) }],
    endedAt: null,
  }) as unknown as RunDetail;

/** Answers of the metric of batches: seconds since the start and questions that were answered by then. */
const drawPrediction = (state: RunDetail["state"], batches: [second: number, done: number][]) => {
  const asked: string[][] = [];
  renderPage(
    <RunPhase
      run={buildRun("predict", state, { phase: "predicting", done: 72, total: 120, detail: "s3" })}
    />,
    {
      "metrics.seriesOfRuns": ({ names }) => {
        asked.push(names);
        const columns = {
          steps: batches.map(([, done]) => done),
          ats: batches.map(([second]) => START + second * 1000),
          values: batches.map(([, done]) => done),
        };
        return {
          [RUN_ID]: { cursor: "1", whole: true, series: { "progress/answered": columns } },
        };
      },
    },
  );
  return asked;
};

describe("the time that a prediction still takes", () => {
  it("is told with its interval from the pace of its batches in this attempt", async () => {
    const asked = drawPrediction("running", [
      [-5000, 12], // an attempt before
      [60, 24],
      [72, 48],
      [96, 72],
    ]);
    const left = await screen.findByText(/left/);
    expect(left.textContent).toMatch(/^about 36 s left, 0 ms to .+ \(90%\)$/);
    expect(asked[0]).toEqual(["progress/answered"]);
    expect(screen.getByText("Predicting 72 / 120")).toBeTruthy();
  });

  it("is not told before two batches, nor of a run that is over", async () => {
    drawPrediction("running", [[60, 24]]);
    await screen.findByText("Predicting 72 / 120");
    expect(screen.queryByText(/left/)).toBeNull();
    drawPrediction("cancelled", [
      [60, 24],
      [72, 48],
    ]);
    await screen.findByText(/Stopped while/);
    expect(screen.queryByText(/left/)).toBeNull();
  });
});

it("an index build's progress is kept as it is seen, and begins anew with another phase", () => {
  const report = (phase: Progress["phase"], done: number, total = 100): Progress => ({
    phase,
    done,
    total,
    detail: "",
  });
  let seen = addReport({ key: "", points: [] }, report("importing", 50), 1000);
  seen = addReport(seen, report("importing", 80), 2000);
  expect(addReport(seen, report("importing", 80), 3000)).toBe(seen);
  expect(seen.points).toEqual([
    { at: 1000, done: 50 },
    { at: 2000, done: 80 },
  ]);
  expect(addReport(seen, report("importing", 10), 3000).points).toEqual([{ at: 3000, done: 10 }]);
  expect(addReport(seen, report("indexing", 90), 3000).points).toEqual([{ at: 3000, done: 90 }]);
});
