import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeBand, computeBandAtPlaces, type CurvePoint } from "./mean-curve";

const curve = (...values: (number | null)[]): CurvePoint[] =>
  values.flatMap((value, i) => (value === null ? [] : [{ step: i + 1, value, count: 1 }]));

describe("the mean of several curves", () => {
  it("has a band within what the values can be", () => {
    const runs = [curve(0, 0.4), curve(1, 0.6)];
    expect(computeBand(runs, 100, [0, 1])).toMatchObject([
      { mean: 0.5, low: 0, high: 1 },
      { mean: 0.5, low: 0, high: 1 },
    ]);
    expect(computeBand(runs, 100)[0]!.low).toBeLessThan(-2);
  });

  it("is the mean at each step with the t interval over runs", () => {
    const band = computeBand([curve(1, 2), curve(3, 2), curve(5, 2)], 100);
    expect(band).toMatchObject([
      { step: 1, mean: 3, n: 3, stretch: 0 },
      { step: 2, mean: 2, low: 2, high: 2, n: 3, stretch: 0 },
    ]);
    // t(0.975, 2) * 2 / sqrt(3)
    expect(band[0]!.high! - 3).toBeCloseTo((4.302652729911275 * 2) / Math.sqrt(3), 9);
  });

  it("breaks where a run ends or misses a step, and has no band of one", () => {
    const band = computeBand([curve(1, 1, 1, 1, 1), curve(9, 9, null, 9)], 100);
    expect(band.map((point) => [point.step, point.mean, point.n, point.stretch])).toEqual([
      [1, 5, 2, 0],
      [2, 5, 2, 0],
      [3, 1, 1, 1],
      [4, 5, 2, 2],
      [5, 1, 1, 3],
    ]);
    expect(band[2]).toMatchObject({ low: null, high: null });
  });

  it("tells apart different runs of the same number", () => {
    expect(
      computeBand([curve(1, null), curve(null, 2)], 100).map((point) => point.stretch),
    ).toEqual([0, 1]);
  });

  it("keeps to its limit, loses no value and invents none", () => {
    const runs = fc.array(
      fc.array(
        fc.tuple(
          fc.integer({ min: 0, max: 5000 }),
          fc.double({ min: -5, max: 5, noNaN: true }),
          fc.integer({ min: 1, max: 4 }),
        ),
        { maxLength: 60 },
      ),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(runs, fc.integer({ min: 2, max: 40 }), (made, limit) => {
        const curves = made.map((points) => [
          ...new Map(points.map(([step, value, count]) => [step, { step, value, count }])).values(),
        ]);
        const band = computeBand(curves, limit);
        expect(band.length).toBeLessThanOrEqual(limit);
        const all = curves.flat();
        expect(band.length === 0).toBe(all.length === 0);
        for (const [i, point] of band.entries()) {
          if (i > 0) expect(point.step).toBeGreaterThan(band[i - 1]!.step);
          expect(point.mean).toBeGreaterThanOrEqual(Math.min(...all.map((p) => p.value)) - 1e-9);
          expect(point.mean).toBeLessThanOrEqual(Math.max(...all.map((p) => p.value)) + 1e-9);
        }
        if (all.length > 0)
          expect(band[band.length - 1]!.step).toBe(Math.max(...all.map((p) => p.step)));
        if (curves.length === 1) {
          const total = (points: readonly { value: number; count: number }[]) =>
            points.reduce((sum, p) => sum + p.value * p.count, 0);
          if (all.length <= limit)
            expect(
              total(
                band.map((p, i) => ({
                  value: p.mean,
                  count: [...all].sort((a, b) => a.step - b.step)[i]!.count,
                })),
              ),
            ).toBeCloseTo(total(all), 6);
        }
      }),
    );
    expect(computeBand([[], []], 10)).toEqual([]);
  });
});

describe("the mean of several curves at places of their own", () => {
  const at = (...points: [place: number, value: number][]): CurvePoint[] =>
    points.map(([step, value]) => ({ step, value, count: 1 }));
  const read = (runs: readonly CurvePoint[][], limit = 100) =>
    computeBandAtPlaces(runs, limit).map(({ step, mean, n }) => [step, mean, n]);

  it("is that of what each had reached, whatever their steps", () => {
    // One run has a point every 10 places, the other every 20: its latest value holds between.
    const fast = at([0, 0], [10, 1], [20, 2], [30, 3], [40, 4]);
    const slow = at([0, 10], [20, 12], [40, 14]);
    expect(read([fast, slow])).toEqual([
      [0, 5, 2],
      [20, (1.5 + 12) / 2, 2],
      [40, (3.5 + 14) / 2, 2],
    ]);
  });

  it("begins where all have begun within one distance", () => {
    const points = computeBandAtPlaces([at([0, 1], [10, 1], [20, 1]), at([4, 3], [14, 3])], 100);
    expect(points.map(({ step, mean, n }) => [step, mean, n])).toEqual([
      [0, 2, 2],
      [10, 2, 2],
      [20, 2, 2],
    ]);
  });

  it("holds a run from its first point to its last, and breaks there", () => {
    const points = computeBandAtPlaces(
      [at([0, 1], [1, 1], [2, 1], [3, 1]), at([1, 3], [2, 3])],
      100,
    );
    expect(points.map(({ n, stretch, low }) => [n, stretch, low === null])).toEqual([
      [1, 0, true],
      [2, 1, false],
      [2, 1, false],
      [1, 2, true],
    ]);
  });

  it("keeps to its limit and loses no value", () => {
    const long = Array.from({ length: 1000 }, (_, i) => [i / 7, i] as [number, number]);
    const points = computeBandAtPlaces([at(...long)], 50);
    expect(points.length).toBeLessThanOrEqual(51);
    expect(points.at(-1)!.step).toBeCloseTo(999 / 7);
    expect(points.at(-1)!.mean).toBeGreaterThan(980);
  });

  it("stands a lone point where it is, and is nothing of nothing", () => {
    expect(read([at([5, 2])])).toEqual([[5, 2, 1]]);
    expect(read([[]])).toEqual([]);
  });
});
