import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bootstrapClusters, computeQuantile, createRandom } from "./bootstrap";

const observations = (values: readonly number[], clusters: number) =>
  values.map((value, i) => ({ value, cluster: `c${i % clusters}` }));

describe("random numbers", () => {
  it("repeat under a seed and fill [0, 1) evenly", () => {
    const draw = (seed: number) => Array.from({ length: 20_000 }, createRandom(seed));
    const numbers = draw(1);
    expect(draw(1)).toEqual(numbers);
    expect(draw(2)).not.toEqual(numbers);
    expect(numbers.every((n) => n >= 0 && n < 1)).toBe(true);
    expect(numbers.reduce((a, b) => a + b, 0) / numbers.length).toBeCloseTo(0.5, 1);
  });
});

describe("the cluster bootstrap", () => {
  it("has the plain mean, within its interval", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 8 }),
        (values, clusters) => {
          const { mean, low, high } = bootstrapClusters(observations(values, clusters), {
            samples: 200,
          });
          expect(mean).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length, 12);
          expect(low).toBeLessThanOrEqual(high);
          expect(low >= 0 && high <= 1).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("agrees with the normal interval where clusters are single observations", () => {
    const values = Array.from({ length: 400 }, (_, i) => (i % 4 === 0 ? 1 : 0));
    const { mean, low, high } = bootstrapClusters(
      values.map((value, i) => ({ value, cluster: `${i}` })),
    );
    const half = 1.96 * Math.sqrt((0.25 * 0.75) / 400);
    expect(mean).toBe(0.25);
    expect(Math.abs(low - (0.25 - half))).toBeLessThan(0.006);
    expect(Math.abs(high - (0.25 + half))).toBeLessThan(0.006);
  });

  it("is wider where observations of a cluster are alike", () => {
    const alike = Array.from({ length: 200 }, (_, i) => ({
      value: Math.floor(i / 20) % 2,
      cluster: `${Math.floor(i / 20)}`,
    }));
    const mixed = alike.map(({ value }, i) => ({ value, cluster: `${i % 10}` }));
    const width = (o: typeof alike) => bootstrapClusters(o).high - bootstrapClusters(o).low;
    expect(width(alike)).toBeGreaterThan(2 * width(mixed));
  });

  it("repeats under a seed, whatever the order of the observations, and refuses nothing", () => {
    const values = observations([1, 0, 0, 1, 1, 0, 1], 3);
    expect(bootstrapClusters([...values].reverse())).toEqual(bootstrapClusters(values));
    expect(() => bootstrapClusters([])).toThrow(RangeError);
  });
});

it("quantiles interpolate", () => {
  expect(computeQuantile([0, 1, 2, 3], 0.5)).toBe(1.5);
  expect(computeQuantile([5], 0.9)).toBe(5);
  expect(() => computeQuantile([], 0.5)).toThrow(RangeError);
});
