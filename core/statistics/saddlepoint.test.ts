import { describe, expect, it } from "vitest";
import { bootstrapPairs, createRandom, drawBootstrapMeans, computeQuantile } from "./bootstrap";

/** Sums of clusters with `sizes` questions each, +1 or -1 in the given shares. */
function drawClusters(sizes: readonly number[], better: number, worse: number, seed: number) {
  const random = createRandom(seed);
  return sizes.map((count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const u = random();
      sum += u < better ? 1 : u < better + worse ? -1 : 0;
    }
    return { sum, count };
  });
}

describe("the computed bootstrap is the drawn one", () => {
  const cases = {
    "200 single questions": drawClusters(Array<number>(200).fill(1), 0.2, 0.14, 1),
    "10,000 single questions": drawClusters(Array<number>(10_000).fill(1), 0.13, 0.12, 2),
    "clusters of many sizes": drawClusters(
      Array.from({ length: 300 }, (_, i) => 1 + (i % 17)),
      0.3,
      0.25,
      3,
    ),
    "skewed: few questions gain": drawClusters(Array<number>(400).fill(1), 0.02, 0, 4),
    fractions: drawClusters(Array<number>(250).fill(4), 0.3, 0.3, 5).map(({ sum, count }, i) => ({
      sum: sum / 3 + i * 1e-4,
      count,
    })),
  };
  for (const [name, entries] of Object.entries(cases))
    it(name, () => {
      const means = drawBootstrapMeans(entries, 100_000, 9);
      const { low, high, pValue, mean } = bootstrapPairs(entries);
      const spread = (computeQuantile(means, 0.84) - computeQuantile(means, 0.16)) / 2;
      const step = 1 / entries.reduce((all, { count }) => all + count, 0);
      expect(Math.abs(low - computeQuantile(means, 0.025))).toBeLessThan(0.03 * spread + step);
      expect(Math.abs(high - computeQuantile(means, 0.975))).toBeLessThan(0.03 * spread + step);
      const beyond = means.filter((m) => (mean > 0 ? m <= 1e-12 : m >= -1e-12)).length / 100_000;
      expect(Math.abs(pValue - Math.min(1, 2 * beyond))).toBeLessThan(0.005);
    });

  it("where all clusters differ alike, or none does", () => {
    const alike = Array.from({ length: 300 }, () => ({ sum: 1, count: 1 }));
    expect(bootstrapPairs(alike)).toMatchObject({ mean: 1, low: 1, high: 1 });
    expect(bootstrapPairs(alike).pValue).toBeLessThan(1e-9);
    const none = alike.map(({ count }) => ({ sum: 0, count }));
    expect(bootstrapPairs(none)).toMatchObject({ mean: 0, low: 0, high: 0, pValue: 1 });
  });
});
