import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toBucket, downsample, mergeBuckets, chooseLevel, rollUp, type Bucket } from "./rollup";

const series = fc
  .array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 })
  .map((values) => values.map((value, step) => toBucket({ step, value, at: step })));
const extremes = (buckets: readonly Bucket[]) => ({
  min: Math.min(...buckets.map((b) => b.min)),
  max: Math.max(...buckets.map((b) => b.max)),
  count: buckets.reduce((n, b) => n + b.count, 0),
});

describe("rollups", () => {
  it("keep every extreme and count, in order, whatever the limit", () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 1, max: 50 }), (buckets, limit) => {
        const fitted = downsample(buckets, limit);
        expect(fitted.length).toBeLessThanOrEqual(limit);
        expect(extremes(fitted)).toEqual(extremes(buckets));
        for (let i = 1; i < fitted.length; i++)
          expect(fitted[i]!.minStep).toBeGreaterThan(fitted[i - 1]!.maxStep);
      }),
    );
  });

  it("pair neighbours and weigh the mean by count", () => {
    const buckets = [1, 2, 6].map((value, step) => toBucket({ step, value, at: 10 * step }));
    expect(rollUp(buckets)).toEqual([
      { minStep: 0, maxStep: 1, at: 10, mean: 1.5, min: 1, max: 2, count: 2 },
      { minStep: 2, maxStep: 2, at: 20, mean: 6, min: 6, max: 6, count: 1 },
    ]);
    expect(mergeBuckets(rollUp(buckets)).mean).toBeCloseTo(3);
  });

  it("choose the finest level that fits", () => {
    expect(chooseLevel(2000, 2000)).toBe(0);
    expect(chooseLevel(2001, 2000)).toBe(1);
    expect(chooseLevel(1_000_000, 2000)).toBe(9);
  });
});
