import { describe, expect, it } from "vitest";
import {
  computeCadence,
  cutPart,
  mergeDetail,
  placeLine,
  placeStack,
  prepareStack,
  readLine,
  type LineSettings,
} from "./prepare";
import type { Point } from "./point";
import { buildAreaPaths, buildSparkPath } from "./spark-paths";

const points = (...pairs: [number, number][]) => pairs.map(([step, value]) => ({ step, value }));
const STEPS: LineSettings = { track: null, smoothing: 0 };
const place = (list: readonly Point[], rest = {}, placing = STEPS) =>
  placeLine({ key: "a", label: "A", points: list, ...rest }, placing);

describe("placeLine", () => {
  it("keeps the later of two points at one step, and leaves out what is no number", () => {
    const line = place(points([2, 5], [1, 1], [2, 6], [3, Number.NaN]));
    expect(line.points.map(({ step, value }) => [step, value])).toEqual([
      [1, 1],
      [2, 6],
    ]);
  });

  it("cuts a line where nothing was measured, by the series' own cadence", () => {
    expect(place(points([1, 1], [2, 2], [3, 3], [4, 4], [9, 9])).parts).toHaveLength(2);
    const every5 = points([0, 1], [5, 1], [10, 1], [15, 1]);
    expect(computeCadence(every5.map(({ step }) => step))).toBe(5);
    expect(place(every5).parts).toHaveLength(1);
    expect(place(points([0, 1], [5, 1], [10, 1], [30, 1], [35, 1])).parts).toHaveLength(2);
  });

  it("breaks where other runs stand behind a mean, and keeps their intervals", () => {
    const line = place([
      { step: 1, value: 0.5, band: [0.4, 0.6], stretch: 0 },
      { step: 2, value: 0.6, band: null, stretch: 1 },
    ]);
    expect(line.parts).toHaveLength(2);
    expect(line.hasBand).toBe(true);
    expect(line.points.map(({ low, high }) => [low, high])).toEqual([
      [0.4, 0.6],
      [0.6, 0.6],
    ]);
  });

  it("keeps the extremes of a point that stands for several", () => {
    const [point] = place([{ step: 10, value: 2, min: 1, max: 9, count: 10 }]).points;
    expect(point).toMatchObject({ value: 2, low: 1, high: 9, count: 10 });
  });

  it("puts steps where their track has them, and counts those it does not reach", () => {
    const track = { steps: [0, 10], xs: [0, 100] };
    const line = place(points([-1, 1], [5, 2], [10, 3]), {}, { track, smoothing: 0 });
    expect(line.xs).toEqual([50, 100]);
    expect(line.unplaced).toBe(1);
  });

  it("smooths a part in full resolution as it smooths the whole", () => {
    const whole: Point[] = [];
    for (let step = 10; step <= 100; step += 10) whole.push({ step, value: step / 100, count: 10 });
    const detail = Array.from({ length: 30 }, (_, i) => ({ step: 41 + i, value: (41 + i) / 100 }));
    const coarse = place(whole, {}, { track: null, smoothing: 0.5 });
    const fine = place(whole, { detail }, { track: null, smoothing: 0.5 });
    const at = (line: typeof coarse, step: number) =>
      line.points.find((point) => point.step === step)!.smoothed;
    expect(fine.points).toHaveLength(7 + 30);
    expect(fine.parts).toHaveLength(1);
    expect(at(fine, 100)).toBeCloseTo(at(coarse, 100), 1);
    expect(Math.abs(at(fine, 70) - at(coarse, 70))).toBeLessThan(0.06);
  });
});

describe("mergeDetail", () => {
  it("puts the part in place of the points it covers", () => {
    const merged = mergeDetail(points([10, 1], [20, 2], [30, 3]), points([15, 9], [20, 8]));
    expect(merged.map(({ step }) => step)).toEqual([10, 15, 20, 30]);
    expect(mergeDetail(points([10, 1]), [])).toEqual(points([10, 1]));
  });
});

describe("readLine", () => {
  it("carries a value between evaluations, and says from where", () => {
    const line = place(points([5, 0.5], [10, 0.6]));
    expect(readLine(line, 10)).toMatchObject({ value: 0.6, carriedFrom: null });
    expect(readLine(line, 9)).toMatchObject({ value: 0.5, carriedFrom: 5 });
    expect(readLine(line, 40)).toMatchObject({ value: 0.6, carriedFrom: 10 });
    expect(readLine(line, 4), "nothing was measured before").toBeNull();
  });

  it("reads a point that stands for several at each of its steps", () => {
    const line = place([
      { step: 10, value: 1, min: 0, max: 2, count: 10 },
      { step: 20, value: 3, min: 2, max: 4, count: 10 },
    ]);
    expect(readLine(line, 12)).toMatchObject({ value: 3, carriedFrom: null });
  });
});

describe("cutPart", () => {
  it("keeps one point beyond each end", () => {
    const { points: placed } = place(points([1, 1], [2, 2], [3, 3], [4, 4], [5, 5]));
    expect(cutPart(placed, [2.5, 3.5]).map(({ x }) => x)).toEqual([2, 3, 4]);
    expect(cutPart(placed, [2.4, 2.6]).map(({ x }) => x)).toEqual([2, 3]);
  });
});

describe("stacks", () => {
  const parts = [
    { key: "rollout", label: "Rollout", points: points([1, 5], [2, 6]) },
    { key: "evaluate", label: "Evaluate", points: points([2, 3]) },
    { key: "none", label: "None", points: [] },
  ];
  it("count a phase that did not happen as zero, and lie on each other", () => {
    const stack = prepareStack(parts, "zero");
    expect(stack.keys).toEqual(["rollout", "evaluate"]);
    const [rollout, evaluate] = placeStack(stack, null);
    expect(rollout!.points.map(({ low, high }) => [low, high])).toEqual([
      [0, 5],
      [0, 6],
    ]);
    expect(evaluate!.points.map(({ low, high, value }) => [low, high, value])).toEqual([
      [5, 5, 0],
      [6, 9, 3],
    ]);
  });
  it("leave out a step whose sum would be wrong", () => {
    expect(prepareStack(parts, "drop").rows.map((row) => row.step)).toEqual([2]);
  });

  /** Means of so many neighbouring steps, as the server answers for a series with too many points. */
  const bucket = (steps: readonly number[], size: number, value: (step: number) => number) =>
    Array.from({ length: Math.ceil(steps.length / size) }, (_, i): Point => {
      const mine = steps.slice(i * size, (i + 1) * size);
      const values = mine.map(value);
      return {
        step: mine.at(-1)!,
        value: values.reduce((sum, one) => sum + one, 0) / mine.length,
        min: Math.min(...values),
        max: Math.max(...values),
        count: mine.length,
      };
    });
  const list = (from: number, to: number, by = 1) =>
    Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => from + i * by);

  it("put a phase of each fifth of 1,000 steps on the places of those of all steps", () => {
    const all = list(1, 1000);
    const sparse = [0, ...list(5, 1000, 5)];
    const stack = prepareStack(
      [
        { key: "rollout", label: "", points: bucket(all, 2, () => 5) },
        { key: "update", label: "", points: bucket(all, 4, (step) => step) },
        { key: "evaluate", label: "", points: bucket(sparse, 1, () => 3) },
      ],
      "zero",
    );
    expect(stack.rows.map(({ step }) => step)).toEqual([0, ...list(2, 1000, 2)]);
    const [start, ...rows] = stack.rows;
    expect(start!.values, "before the first step there was an evaluation alone").toEqual({
      rollout: 0,
      update: 0,
      evaluate: 3,
    });
    expect(new Set(rows.map(({ values }) => values.rollout))).toEqual(new Set([5]));
    expect(rows.map(({ values }) => values.update).slice(0, 4)).toEqual([2.5, 2.5, 6.5, 6.5]);
    // Steps 5 and 10 lie in the buckets that end at 6 and 10, each with half of its steps.
    expect(rows.slice(0, 5).map(({ values }) => values.evaluate)).toEqual([0, 0, 1.5, 0, 1.5]);
    const seconds = (key: string) =>
      rows.reduce((sum, { values, count }) => sum + values[key]! * count, 0);
    expect(seconds("rollout")).toBe(5 * 1000);
    expect(seconds("evaluate")).toBe(3 * 200);
    expect(seconds("update")).toBe(500_500);
  });

  it("are read at each step that a row stands for", () => {
    const points = bucket(list(1, 8), 2, (step) => step);
    const [line] = placeStack(prepareStack([{ key: "a", label: "", points }], "zero"), null);
    expect(readLine(line!, 3)).toMatchObject({ value: 3.5, carriedFrom: null });
  });

  it("show the part that is zoomed to in full resolution", () => {
    const all = list(1, 1000);
    const stack = prepareStack(
      [
        {
          key: "rollout",
          label: "",
          points: bucket(all, 2, () => 5),
          detail: bucket(list(101, 120), 1, () => 5),
        },
        { key: "evaluate", label: "", points: bucket(list(5, 1000, 5), 1, () => 3) },
      ],
      "zero",
    );
    const part = stack.rows.filter(({ step }) => step > 100 && step <= 122);
    expect(part.map(({ step }) => step)).toEqual([...list(101, 120), 122]);
    expect(part.filter(({ values }) => values.evaluate! > 0).map((row) => row.step)).toEqual([
      105, 110, 115, 120,
    ]);
    expect(part[4]!.values).toEqual({ rollout: 5, evaluate: 3 });
  });

  it("do not break where a part in full resolution begins within a bucket", () => {
    const all = list(1, 1000);
    const { rows } = prepareStack(
      [
        {
          key: "rollout",
          label: "",
          points: bucket(all, 4, () => 5),
          detail: bucket(list(103, 120), 1, () => 5),
        },
        { key: "evaluate", label: "", points: bucket(list(1, 1000, 5), 1, () => 3) },
      ],
      "zero",
    );
    expect(rows.map(({ values }) => values.rollout).filter((seconds) => seconds !== 5)).toEqual([]);
  });

  it("of shares that must all be there stay whole where one has coarser points", () => {
    const all = list(1, 100);
    const { rows } = prepareStack(
      [
        { key: "gained", label: "", points: bucket(all, 2, () => 0.25) },
        { key: "lost", label: "", points: bucket(all, 10, () => 0.75) },
      ],
      "drop",
    );
    expect(rows).toHaveLength(50);
    for (const { values } of rows) expect(values.gained! + values.lost!).toBeCloseTo(1, 12);
  });
});

describe("small curves", () => {
  it("are drawn from two points on", () => {
    expect(buildSparkPath([1], 10, 10)).toBeNull();
    expect(buildSparkPath([0, 1], 10, 10)).toBe("M0.0,10.0L10.0,0.0");
  });
  it("fill shares and leave a gap where nothing was measured", () => {
    expect(buildAreaPaths([0, 0.5, null, 1], 30, 10)).toEqual([
      "M0.0,10L0.0,10.0L10.0,5.0L10.0,10Z",
      "M30.0,10L30.0,0.0L30.0,10Z",
    ]);
    expect(buildAreaPaths([], 30, 10)).toEqual([]);
  });
});
