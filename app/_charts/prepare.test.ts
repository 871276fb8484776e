import { describe, expect, it } from "vitest";
import {
  computeStepTicks,
  computeValueAxis,
  countTickDigits,
  findNeighbourStep,
  findStepAtShare,
} from "./axes";
import {
  buildAreaPaths,
  computeCadence,
  listLineValues,
  prepareLines,
  prepareStack,
  buildSparkPath,
  splitStretches,
  type Point,
} from "./prepare";

const points = (...pairs: [number, number][]) => pairs.map(([step, value]) => ({ step, value }));

describe("prepareLines", () => {
  it("puts series of different cadence on one step axis, with null where a series has no point", () => {
    const data = prepareLines([
      { key: "reward", label: "Reward", points: points([1, 0.1], [2, 0.2], [3, 0.3]) },
      { key: "accuracy", label: "Accuracy", points: points([0, 0.5], [2, 0.6]) },
    ]);
    expect(data.rows).toEqual([
      { step: 0, "reward#0": null, "accuracy#0": 0.5 },
      { step: 1, "reward#0": 0.1, "accuracy#0": null },
      { step: 2, "reward#0": 0.2, "accuracy#0": 0.6 },
      { step: 3, "reward#0": 0.3, "accuracy#0": null },
    ]);
    expect(data.latest).toEqual({ reward: 0.3, accuracy: 0.6 });
  });

  it("cuts a line where nothing was measured, and marks a point that stands alone", () => {
    const data = prepareLines([
      { key: "r", label: "R", points: points([1, 1], [2, 2], [3, 3], [4, 4], [9, 9]) },
    ]);
    expect(data.segments.map((s) => s.column)).toEqual(["r#0", "r#1"]);
    expect([...data.isolated]).toEqual(["r#1"]);
  });

  it("keeps the later of two points at one step and names series without points", () => {
    const data = prepareLines([
      { key: "a", label: "A", points: points([2, 5], [1, 1], [2, 6]) },
      { key: "b", label: "B", points: [] },
      { key: "c", label: "C", points: [{ step: 1, value: Number.NaN }] },
    ]);
    expect(data.rows.map((r) => r["a#0"])).toEqual([1, 6]);
    expect(data.empty).toEqual(["b", "c"]);
  });
});

describe("stretches", () => {
  it("takes the cadence from the series itself", () => {
    const every5 = points([0, 1], [5, 1], [10, 1], [15, 1]);
    expect(computeCadence(every5)).toBe(5);
    expect(splitStretches(every5)).toHaveLength(1);
    expect(splitStretches(points([0, 1], [5, 1], [10, 1], [30, 1], [35, 1]))).toHaveLength(2);
  });
});

const mean = (step: number, value: number, n: number, stretch = 0): Point => ({
  step,
  value,
  band: n > 1 ? [value - 0.1, value + 0.1] : null,
  stretch,
});

describe("bands", () => {
  it("breaks a curve where a run drops out, and draws no band of one", () => {
    const data = prepareLines([
      { key: "0", label: "0", points: [mean(1, 0.5, 2), mean(2, 0.6, 2), mean(3, 0.9, 1, 1)] },
    ]);
    expect(data.segments).toEqual([
      { column: "0#0", series: "0", hasBand: true },
      { column: "0#1", series: "0", hasBand: false },
    ]);
    expect(data.isolated).toEqual(new Set(["0#1"]));
    expect(data.rows).toEqual([
      { step: 1, "0#0": 0.5, "0#0 band": [0.4, 0.6], "0#1": null },
      { step: 2, "0#0": 0.6, "0#0 band": [0.5, 0.7], "0#1": null },
      { step: 3, "0#0": null, "0#0 band": null, "0#1": 0.9 },
    ]);
  });

  it("breaks at a gap in the steps, and puts curves of different steps side by side", () => {
    const data = prepareLines([
      { key: "a", label: "A", points: [1, 2, 3, 9, 10].map((step) => mean(step, step, 1)) },
      { key: "b", label: "B", points: [mean(5, 1, 1)] },
    ]);
    expect(data.segments.map((s) => s.column)).toEqual(["a#0", "a#1", "b#0"]);
    expect(data.rows.map((row) => row.step)).toEqual([1, 2, 3, 5, 9, 10]);
    expect(data.rows[3]).toMatchObject({ "a#0": null, "b#0": 1 });
  });

  it("are within what the value axis holds", () => {
    const data = prepareLines([{ key: "a", label: "A", points: [mean(1, 0.5, 2)] }]);
    expect(listLineValues(data)).toEqual([0.5, 0.4, 0.6]);
  });
});

describe("prepareStack", () => {
  const parts = [
    { key: "rollout", label: "Rollout", points: points([1, 5], [2, 6]) },
    { key: "evaluate", label: "Evaluate", points: points([2, 3]) },
    { key: "none", label: "None", points: [] },
  ];
  it("counts a phase that did not happen as zero", () => {
    const stack = prepareStack(parts, "zero");
    expect(stack.keys).toEqual(["rollout", "evaluate"]);
    expect(stack.rows).toEqual([
      { step: 1, rollout: 5, evaluate: 0 },
      { step: 2, rollout: 6, evaluate: 3 },
    ]);
  });
  it("leaves out a step whose sum would be wrong", () => {
    expect(prepareStack(parts, "drop").rows.map((r) => r.step)).toEqual([2]);
  });
});

describe("axes", () => {
  it("keeps shares on 0..1, unless a value lies outside", () => {
    expect(computeValueAxis([0.4, 0.5], "share").domain).toEqual([0, 1]);
    expect(computeValueAxis([-0.2, 0.5], "share").domain).toEqual([-0.5, 1]);
  });
  it("gives round ends that hold every value, and a few ticks", () => {
    expect(computeValueAxis([0.3, 2.1], "positive").ticks).toEqual([0, 1, 2, 3]);
    expect(computeValueAxis([0], "positive").domain).toEqual([0, 1]);
    for (const values of [
      [3, 3],
      [0.3701, 0.3709],
      [-4e-7, 9e-6],
      [12_400, 90_000],
      [-7, -3],
    ]) {
      const { domain, ticks } = computeValueAxis(values, "free");
      expect(domain[0]).toBeLessThanOrEqual(Math.min(...values));
      expect(domain[1]).toBeGreaterThanOrEqual(Math.max(...values));
      expect(ticks.length).toBeGreaterThanOrEqual(3);
      expect(ticks.length).toBeLessThanOrEqual(7);
    }
  });
  it("knows how many digits its ticks need", () => {
    expect([20, 1, 0.5, 0.25, 0.0002].map(countTickDigits)).toEqual([0, 0, 1, 2, 4]);
  });
  it("gives whole-numbered ticks, never more than asked for and one", () => {
    expect(computeStepTicks(0, 20)).toEqual([0, 5, 10, 15, 20]);
    expect(computeStepTicks(0, 2)).toEqual([0, 1, 2]);
    expect(computeStepTicks(0, 0)).toEqual([0]);
    for (const to of [3, 7, 19, 101, 999, 100_000])
      expect(computeStepTicks(0, to).length).toBeLessThanOrEqual(7);
  });
  it("draws a sparkline from two points on", () => {
    expect(buildSparkPath([1], 10, 10)).toBeNull();
    expect(buildSparkPath([0, 1], 10, 10)).toBe("M0.0,10.0L10.0,0.0");
  });
  it("fills shares and leaves a gap where nothing was measured", () => {
    expect(buildAreaPaths([0, 0.5, null, 1], 30, 10)).toEqual([
      "M0.0,10L0.0,10.0L10.0,5.0L10.0,10Z",
      "M30.0,10L30.0,0.0L30.0,10Z",
    ]);
    expect(buildAreaPaths([], 30, 10)).toEqual([]);
  });
});

describe("the hovered step", () => {
  const steps = [0, 2, 3, 10];

  it("is the nearest one to the pointer, and none beside the axis", () => {
    const find = (share: number) => findStepAtShare(steps, [0, 10], share);
    expect([0, 0.09, 0.26, 0.64, 0.66, 1].map(find)).toEqual([0, 0, 3, 3, 10, 10]);
    expect([-0.01, 1.01].map(find), "a little beside it").toEqual([0, 10]);
    expect([-0.03, 1.03].map(find)).toEqual([null, null]);
    expect(findStepAtShare([], [0, 1], 0.5)).toBeNull();
  });

  it("moves along the steps, begins at an end, and stops at the ends", () => {
    expect(findNeighbourStep(steps, null, 1)).toBe(0);
    expect(findNeighbourStep(steps, null, -1)).toBe(10);
    expect(findNeighbourStep(steps, 2, 1)).toBe(3);
    expect(findNeighbourStep(steps, 10, 1)).toBe(10);
    expect(findNeighbourStep(steps, 0, -1)).toBe(0);
    expect(findNeighbourStep(steps, 7, -1), "from a step that this series does not have").toBe(3);
    expect(findNeighbourStep([], null, 1)).toBeNull();
  });
});
