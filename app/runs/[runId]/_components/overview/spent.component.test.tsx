import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";
import { renderPage } from "@/app/_testing/render-page";
import { computeSpent } from "@/app/runs/[runId]/_components/metrics/compute-spent";
import { Spent } from "./spent";
import { TRAIN_METRICS } from "@/app/runs/[runId]/_components/metrics/train-metrics";

const track = (end: number) => ({ steps: [0, 1], xs: [0, end] });
const tracks = { episodes: track(24), tokens: track(960), time: track(65) };
/** Values of steps; an entry with a count stands for so many steps. */
const points = (...values: (number | [mean: number, count: number])[]) =>
  values.map((value, step) => {
    const [mean, count] = typeof value === "number" ? [value, 1] : value;
    return { step, at: step, value: mean, min: mean, max: mean, count };
  });

describe("what a run took", () => {
  it("is the sum over its steps, of those that share an entry too", () => {
    expect(
      computeSpent({
        "endpoint/calls": points(5, [5, 3]),
        "endpoint/cost_usd": points(0.1, [0.2, 3]),
        "system/cpu": points(0.5, [0.5, 3]),
        "system/gpu_energy_wh": points(2, [4, 3]),
      }),
    ).toEqual({
      cost: { amount: expect.closeTo(0.7, 10) as unknown, isPartial: false },
      energy: { amount: 14, isPartial: false },
    });
  });

  it("says nothing of a run whose worker did not measure it, and claims no whole where a part is missing", () => {
    expect(computeSpent({ "reward/mean": points(1) })).toEqual({ cost: null, energy: null });
    expect(computeSpent({ "endpoint/calls": points(5), "system/cpu": points(0.5, 0.5) })).toEqual({
      cost: "unknown",
      energy: "unknown",
    });
    expect(
      computeSpent({
        "endpoint/calls": points(5, 5),
        "endpoint/cost_usd": points(0.1),
        "system/cpu": points(0.5, 0.5),
        "system/gpu_energy_wh": points(2),
      }),
    ).toEqual({ cost: { amount: 0.1, isPartial: true }, energy: { amount: 2, isPartial: true } });
  });

  it("stands in one line, with what the energy holds a key away", async () => {
    const user = userEvent.setup({ delay: null });
    renderPage(
      <Spent
        tracks={tracks}
        series={{
          "endpoint/calls": points(5),
          "endpoint/cost_usd": points(0.25),
          "system/cpu": points(0.5),
          "system/gpu_energy_wh": points(1500),
        }}
      />,
    );
    expect(screen.getByTestId("spent").textContent).toBe(
      "So far 24 episodes, 960 action tokens and 1 m 05 s since the first point; US$0.25 at endpoints; about 1.5 kWh by the worker's GPUs",
    );
    await user.tab();
    expect(document.activeElement).toBe(
      screen.getByRole("button", { name: "What is Energy estimate?" }),
    );
    await user.keyboard("{Enter}");
    expect(screen.getByText(/Processors, memory and cooling are not in it/)).toBeTruthy();
  });

  it("says so where no GPU says its power and no price is set", () => {
    renderPage(
      <Spent tracks={tracks} series={{ "endpoint/calls": points(5), "system/cpu": points(0.5) }} />,
    );
    expect(screen.getByTestId("spent").textContent).toMatch(
      /first point; cost of endpoints not known, as no price is set; energy not measured, as no GPU says its power$/,
    );
  });
});

it("a training run's charts ask for no more metrics than one call may", () => {
  expect(TRAIN_METRICS.length).toBeLessThanOrEqual(100);
});
