import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeAll, expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import type { SweepDetail } from "@/app/_lib/live/trpc";
import { SweepCurves } from "./sweep-curves";

beforeAll(async () => {
  await import("@/app/_charts/drawing/plot-drawing");
});

const STEPS = 1_000;
const createRun = (id: string, row: number) => ({ id, row, state: "succeeded" });
const SWEEP = {
  id: "s",
  paths: ["lr"],
  groups: [
    { row: 0, varied: { lr: 1 } },
    { row: 1, varied: { lr: 2 } },
  ],
  members: [createRun("a", 0), createRun("b", 0), createRun("c", 1)],
  available: ["m"],
} as unknown as SweepDetail;

/** Points of a run, `every` so many steps. A run of a second a step reports 1,000 of them in so many seconds. */
const answer = (seconds: number, every: number, from = 0, to = STEPS) => {
  const steps = Array.from(
    { length: Math.floor((to - from) / every) + 1 },
    (_, i) => from + i * every,
  );
  return {
    cursor: "1.1",
    whole: true,
    series: {
      m: {
        steps,
        ats: steps.map((step) => 1_000 * seconds * step),
        values: steps.map((step) => step / STEPS),
        mins: steps.map(() => 0),
        maxs: steps.map(() => 1),
        counts: steps.map(() => every),
      },
    },
  };
};

it("asks for a part in full resolution, has an axis of time, and shows all again", async () => {
  const user = userEvent.setup({ delay: null });
  const asked: { runIds: string[]; from?: number; to?: number }[] = [];
  const { container } = renderPage(<SweepCurves sweep={SWEEP} metric="m" />, {
    "sweeps.series": () => ({
      metric: "m",
      curves: [0, 1].map((row) => ({
        row,
        points: Array.from({ length: 101 }, (_, i) => ({
          step: 10 * i,
          mean: i / 100,
          low: null,
          high: null,
          n: 1,
          stretch: 0,
        })),
      })),
    }),
    "metrics.seriesOfRuns": ({ runIds, from, to }) => {
      asked.push({ runIds, from, to });
      return Object.fromEntries(
        runIds.map((id) => [id, answer(id === "c" ? 2 : 1, from === undefined ? 10 : 1, from, to)]),
      );
    },
  });
  const readCurve = (row: number): string =>
    container.querySelector(`path[data-curve="${row}"]`)?.getAttribute("d") ?? "";
  const count = (row: number): number => readCurve(row).match(/[ML]/g)?.length ?? 0;
  await waitFor(() => expect(count(0)).toBe(101));
  expect(asked, "the server's means suffice").toEqual([]);
  expect(screen.queryByRole("button", { name: "Reset zoom" })).toBeNull();

  await user.type(screen.getByLabelText("Shown from"), "400");
  await user.type(screen.getByLabelText("Shown to"), "600{Enter}");
  await waitFor(() =>
    expect(asked).toContainEqual({ runIds: ["a", "b", "c"], from: 400, to: 600 }),
  );
  // Each step of the part, and a point of the whole beyond each end.
  await waitFor(() => expect([count(0), count(1)]).toEqual([203, 203]));
  await user.click(screen.getByRole("button", { name: "Reset zoom" }));
  await waitFor(() => expect(count(0)).toBe(101));

  const axis = screen.getByLabelText("Axis");
  expect(screen.getByRole("option", { name: "Tokens (not measured)" })).toBeTruthy();
  fireEvent.change(axis, { target: { value: "time" } });
  // The second setting's run took twice the time: half of the axis is left to the mean of the first.
  const readEnd = (row: number): number =>
    Number(/([\d.]+),[\d.]+$/.exec(readCurve(row))?.[1] ?? Number.NaN);
  await waitFor(() => expect(readEnd(1) - readEnd(0)).toBeGreaterThan(150));
});
