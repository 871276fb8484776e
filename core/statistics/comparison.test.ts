import { describe, expect, it } from "vitest";
import { drawBootstrapMeans, bootstrapPairs, createRandom, type ClusterSum } from "./bootstrap";
import { drawBinomial } from "./binomial";
import { correctByHolm, testMcNemar, findParetoFront, computeWilsonInterval } from "./comparison";
import reference from "./testing/reference.json";
import { computeChiSquareTail, computeLogGamma, computeNormalQuantile } from "./special";

const close = (value: number, wanted: number, what: string) =>
  expect(Math.abs(value - wanted), what).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(wanted)));

/** Figures of scipy and statsmodels (testing/reference.py made them; reference.json names the versions). */
describe("against scipy and statsmodels", () => {
  it("McNemar's test: exact and chi-square", () => {
    for (const { onlyFirst, onlySecond, ...wanted } of reference.mcNemar) {
      const test = testMcNemar(onlyFirst, onlySecond);
      const what = `${onlyFirst} ${onlySecond}`;
      close(test.exactP, wanted.exactP, what);
      close(test.statistic, wanted.statistic, what);
      close(test.chiSquareP, wanted.chiSquareP, what);
      expect(testMcNemar(onlySecond, onlyFirst).exactP, "does not depend on the order").toBe(
        test.exactP,
      );
    }
  });

  it("Holm's correction", () => {
    for (const { p, corrected } of reference.holm)
      correctByHolm(p).forEach((value, i) => close(value, corrected[i]!, `${p.join()} ${i}`));
    expect(correctByHolm([])).toEqual([]);
  });

  it("Wilson's interval", () => {
    for (const { successes, n, level, low, high } of reference.wilson) {
      const interval = computeWilsonInterval(successes, n, level);
      close(interval.low, low, `${successes}/${n}`);
      close(interval.high, high, `${successes}/${n}`);
    }
    expect(() => computeWilsonInterval(0, 0)).toThrow(RangeError);
  });

  it("special functions", () => {
    for (const { x, tail } of reference.chiSquareTail)
      close(computeChiSquareTail(x), tail, `chi-square ${x}`);
    for (const { tail, z } of reference.normalQuantile)
      close(computeNormalQuantile(tail), z, `quantile ${tail}`);
    for (const { x, value } of reference.logGamma)
      close(computeLogGamma(x), value, `log gamma ${x}`);
  });

  it("binomial draws, in both of their regimes", () => {
    const draws = 40_000;
    for (const { n, p, mean, variance, cdf } of reference.binomial) {
      const random = createRandom(n);
      const values = Array.from({ length: draws }, () => drawBinomial(n, p, random));
      const sampled = values.reduce((a, b) => a + b, 0) / draws;
      expect(Math.abs(sampled - mean), `mean of ${n}, ${p}`).toBeLessThan(
        5 * Math.sqrt(variance / draws),
      );
      for (const { k, share } of cdf)
        expect(
          Math.abs(values.filter((v) => v <= k).length / draws - share),
          `${n}, ${p}: P(X <= ${k})`,
        ).toBeLessThan(5 * Math.sqrt(0.25 / draws));
    }
    expect([
      drawBinomial(9, 0, Math.random),
      drawBinomial(9, 1, Math.random),
      drawBinomial(0, 0.5, Math.random),
    ]).toEqual([0, 9, 0]);
  });

  it("the paired cluster bootstrap, within its Monte Carlo error", () => {
    for (const {
      name,
      cluster,
      first,
      second,
      difference,
      low,
      high,
      standardError,
    } of reference.paired) {
      const interval = bootstrapPairs(sumDifferences(cluster, first, second), {
        samples: 40_000,
        seed: 5,
      });
      close(interval.mean, difference, name);
      // A 2.5% quantile of 10,000 samples has a standard error of about 0.03 standard deviations; means move in steps of 1/n.
      expect(Math.abs(interval.low - low), name).toBeLessThan(
        0.1 * standardError + 1 / first.length,
      );
      expect(Math.abs(interval.high - high), name).toBeLessThan(
        0.1 * standardError + 1 / first.length,
      );
      expect(interval.pValue < 0.05, `${name}: the p-value says what the interval says`).toBe(
        interval.low > 0 || interval.high < 0,
      );
    }
  });
});

function sumDifferences(
  cluster: readonly number[],
  first: readonly number[],
  second: readonly number[],
): ClusterSum[] {
  const sums = new Map<number, ClusterSum>();
  cluster.forEach((c, i) => {
    const entry = sums.get(c) ?? { sum: 0, count: 0 };
    sums.set(c, { sum: entry.sum + first[i]! - second[i]!, count: entry.count + 1 });
  });
  return [...sums.values()];
}

describe("the bootstrap by kinds", () => {
  it("draws from the same distribution as one cluster at a time", () => {
    const alike = Array.from({ length: 320 }, (_, i) => ({ sum: i % 4 === 0 ? 1 : 0, count: 1 }));
    // Sums that all differ a little are drawn one at a time.
    const apart = alike.map(({ sum, count }, i) => ({ sum: sum + i * 1e-9, count }));
    const [kinds, single] = [
      drawBootstrapMeans(alike, 20_000, 1),
      drawBootstrapMeans(apart, 20_000, 2),
    ];
    for (const share of [0.025, 0.25, 0.5, 0.75, 0.975]) {
      const i = Math.floor(share * 20_000);
      expect(Math.abs(kinds[i]! - single[i]!), `${share}`).toBeLessThan(0.0045);
    }
  });

  it("has the sign of the difference and refuses nothing", () => {
    const better = Array.from({ length: 100 }, (_, i) => ({
      sum: i < 30 ? 1 : i < 35 ? -1 : 0,
      count: 1,
    }));
    const interval = bootstrapPairs(better);
    expect(interval).toMatchObject({ mean: 0.25, observations: 100, clusters: 100 });
    expect(interval.low).toBeGreaterThan(0);
    expect(interval.pValue).toBeLessThan(0.001);
    expect(bootstrapPairs([{ sum: 0, count: 3 }]).pValue).toBe(1);
    expect(() => bootstrapPairs([])).toThrow(RangeError);
  });
});

it("the Pareto front keeps what nothing else beats", () => {
  const points = [
    [1, 0.2],
    [2, 0.5],
    [2, 0.4],
    [3, 0.5],
    [4, 0.7],
    [2, 0.5],
    [5, 0.6],
  ].map(([cost, value]) => ({ cost: cost!, value: value! }));
  expect(
    findParetoFront(
      points,
      (p) => p.cost,
      (p) => p.value,
    ),
  ).toEqual([
    { cost: 1, value: 0.2 },
    { cost: 2, value: 0.5 },
    { cost: 2, value: 0.5 },
    { cost: 4, value: 0.7 },
  ]);
  expect(
    findParetoFront(
      [],
      () => 0,
      () => 0,
    ),
  ).toEqual([]);
});
