import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeNormalQuantile } from "./special";
import {
  computeMeanInterval,
  computeStudentQuantile,
  computeStudentTail,
  limitInterval,
} from "./student";

/** Two-sided 95% and 99% points as statistical tables print them. */
const TABLE: [degrees: number, t95: number, t99: number][] = [
  [1, 12.706, 63.657],
  [2, 4.303, 9.925],
  [3, 3.182, 5.841],
  [4, 2.776, 4.604],
  [5, 2.571, 4.032],
  [9, 2.262, 3.25],
  [10, 2.228, 3.169],
  [29, 2.045, 2.756],
  [30, 2.042, 2.75],
  [60, 2.0, 2.66],
  [120, 1.98, 2.617],
];

describe("Student's t", () => {
  it("has the quantiles of the tables", () => {
    for (const [degrees, t95, t99] of TABLE) {
      expect(computeStudentQuantile(0.025, degrees), `${degrees}`).toBeCloseTo(t95, 3);
      expect(computeStudentQuantile(0.005, degrees), `${degrees}`).toBeCloseTo(t99, 3);
    }
  });

  it("has the closed forms of one and two degrees, and nears the normal distribution", () => {
    for (const t of [-3, -0.5, 0, 0.2, 1, 7, 40]) {
      expect(computeStudentTail(t, 1)).toBeCloseTo(0.5 - Math.atan(t) / Math.PI, 14);
      expect(computeStudentTail(t, 2)).toBeCloseTo(0.5 - t / (2 * Math.sqrt(2 + t * t)), 14);
    }
    expect(
      Math.abs(computeStudentQuantile(0.025, 2000) - computeNormalQuantile(0.025)),
    ).toBeLessThan(2e-3);
  });

  it("is inverted by its quantile", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.double({ min: 1e-4, max: 0.5, noNaN: true }),
        (degrees, tail) =>
          void expect(
            computeStudentTail(computeStudentQuantile(tail, degrees), degrees),
          ).toBeCloseTo(tail, 10),
      ),
    );
    expect(() => computeStudentTail(1, 0)).toThrow(RangeError);
    expect(() => computeStudentQuantile(0, 3)).toThrow(RangeError);
  });
});

describe("meanInterval", () => {
  it("is mean and t interval, and has no interval of one value", () => {
    expect(computeMeanInterval([0.749, 0.632, 0.771])).toMatchObject({
      n: 3,
      mean: expect.closeTo(0.7173, 4) as number,
      deviation: expect.closeTo(0.0747, 4) as number,
      low: expect.closeTo(0.5318, 3) as number,
      high: expect.closeTo(0.9029, 3) as number,
    });
    expect(computeMeanInterval([2])).toEqual({
      n: 1,
      mean: 2,
      deviation: null,
      low: null,
      high: null,
    });
    expect(computeMeanInterval([1, 1, 1])).toMatchObject({
      mean: 1,
      deviation: 0,
      low: 1,
      high: 1,
    });
    expect(() => computeMeanInterval([])).toThrow(RangeError);
  });

  it("moves and stretches with its values", () => {
    const values = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), {
      minLength: 2,
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: -50, max: 50 }),
        fc.integer({ min: 1, max: 9 }),
        (list, shift, factor) => {
          const before = computeMeanInterval(list);
          const after = computeMeanInterval(list.map((value) => value * factor + shift));
          for (const end of ["low", "mean", "high"] as const)
            expect(after[end]).toBeCloseTo(before[end]! * factor + shift, 6);
          expect(before.low!).toBeLessThanOrEqual(before.high!);
        },
      ),
    );
  });

  it("ends where the values can go no further, and holds its mean", () => {
    const limit = (values: readonly number[], ...range: [number, number]) => {
      const { low, high } = limitInterval(computeMeanInterval(values), range);
      return [low, high];
    };
    expect(limit([0.5, 0.8], 0, 1)).toEqual([0, 1]);
    expect(limit([0.5, 0.8], 0, Infinity)).toEqual([0, computeMeanInterval([0.5, 0.8]).high]);
    expect(limit([2, 2.5], 0, 1), "a mean that lies outside").toEqual([0, 2.25]);
    expect(limit([0.5], 0, 1), "one value has none").toEqual([null, null]);
  });
});
