/** Statistics of paired, clustered results. Pure; random numbers come from a seed. */

/** A pseudo-random generator of 32 bits (mulberry32): the same seed gives the same numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One observation and the cluster it belongs to, e.g. 0 or 1 for a question, and the question's country. */
export interface Observation {
  value: number;
  cluster: string;
}

export interface Interval {
  mean: number;
  /** Ends of the interval that holds `level` of the bootstrap means. */
  low: number;
  high: number;
  observations: number;
  clusters: number;
}

/**
 * Mean with a percentile interval from a cluster bootstrap (Davison and Hinkley 1997, section 3.8): whole clusters are
 * drawn with replacement, so observations that resemble each other do not count as independent. For paired results
 * pass the differences. Throws RangeError where there is nothing to average.
 */
export function clusterBootstrap(observations: readonly Observation[], { samples = 10_000, level = 0.95, seed = 0 } = {}): Interval {
  if (observations.length === 0) throw new RangeError("A mean needs at least one observation.");
  const clusters = new Map<string, { sum: number; count: number }>();
  for (const { value, cluster } of observations) {
    const entry = clusters.get(cluster) ?? { sum: 0, count: 0 };
    entry.sum += value;
    entry.count += 1;
    clusters.set(cluster, entry);
  }
  const entries = [...clusters.keys()].sort().map((key) => clusters.get(key)!);
  const random = seededRandom(seed);
  const means = Array.from({ length: samples }, () => {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[Math.floor(random() * entries.length)]!;
      sum += entry.sum;
      count += entry.count;
    }
    return sum / count;
  }).sort((a, b) => a - b);
  const total = entries.reduce((all, { sum }) => all + sum, 0);
  return {
    mean: total / observations.length,
    low: quantile(means, (1 - level) / 2),
    high: quantile(means, (1 + level) / 2),
    observations: observations.length,
    clusters: entries.length,
  };
}

/** Quantile of sorted values by linear interpolation; `share` in [0, 1]. */
export function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) throw new RangeError("A quantile needs at least one value.");
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}
