import { drawBinomial } from "./binomial";
import { approximateBootstrap } from "./saddlepoint";

/** Statistics of paired, clustered results. Pure; random numbers come from a seed. */

/** A pseudo-random generator of 32 bits (mulberry32): the same seed gives the same numbers in [0, 1). */
export function createRandom(seed: number): () => number {
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
export function bootstrapClusters(
  observations: readonly Observation[],
  { samples = 10_000, level = 0.95, seed = 0 } = {},
): Interval {
  if (observations.length === 0) throw new RangeError("A mean needs at least one observation.");
  const entries = sumObservations(observations);
  return computeInterval(entries, drawBootstrapMeans(entries, samples, seed), level);
}

/** Sums of observations by cluster, in the order of the clusters' names. */
export function sumObservations(observations: readonly Observation[]): ClusterSum[] {
  const clusters = new Map<string, ClusterSum>();
  for (const { value, cluster } of observations) {
    const entry = clusters.get(cluster) ?? { sum: 0, count: 0 };
    entry.sum += value;
    entry.count += 1;
    clusters.set(cluster, entry);
  }
  return [...clusters.keys()].sort().map((key) => clusters.get(key)!);
}

/** A cluster's sum and number of observations. */
export interface ClusterSum {
  sum: number;
  count: number;
}

/** The interval of sorted bootstrap means. */
export function computeInterval(
  entries: readonly ClusterSum[],
  means: ArrayLike<number>,
  level = 0.95,
): Interval {
  const sum = entries.reduce((all, entry) => all + entry.sum, 0);
  const observations = entries.reduce((all, entry) => all + entry.count, 0);
  return {
    mean: sum / observations,
    low: computeQuantile(means, (1 - level) / 2),
    high: computeQuantile(means, (1 + level) / 2),
    observations,
    clusters: entries.length,
  };
}

/**
 * Means of `samples` bootstrap samples of whole clusters, sorted. Clusters of equal sum and size are drawn together:
 * how often each kind comes up is multinomial, so ten thousand questions that are right or wrong cost two draws.
 */
export function drawBootstrapMeans(
  entries: readonly ClusterSum[],
  samples: number,
  seed: number,
): Float64Array {
  const random = createRandom(seed);
  const means = new Float64Array(samples);
  const kinds = countEqualClusters(entries);
  const total = entries.length;
  if (kinds.length * 16 <= total) {
    for (let i = 0; i < samples; i++) {
      let sum = 0;
      let count = 0;
      let left = total;
      let rest = total;
      for (const kind of kinds) {
        if (left === 0) break;
        const drawn = kind.times === rest ? left : drawBinomial(left, kind.times / rest, random);
        sum += drawn * kind.sum;
        count += drawn * kind.count;
        left -= drawn;
        rest -= kind.times;
      }
      means[i] = sum / count;
    }
  } else {
    for (let i = 0; i < samples; i++) {
      let sum = 0;
      let count = 0;
      for (let n = 0; n < total; n++) {
        const entry = entries[Math.floor(random() * total)]!;
        sum += entry.sum;
        count += entry.count;
      }
      means[i] = sum / count;
    }
  }
  return means.sort();
}

/** Distinct clusters with how often each occurs, the most frequent first. */
function countEqualClusters(entries: readonly ClusterSum[]): (ClusterSum & { times: number })[] {
  const kinds = new Map<number, Map<number, ClusterSum & { times: number }>>();
  for (const { sum, count } of entries) {
    const bySum = kinds.get(count) ?? new Map<number, ClusterSum & { times: number }>();
    kinds.set(count, bySum);
    const kind = bySum.get(sum);
    if (kind) kind.times += 1;
    else bySum.set(sum, { sum, count, times: 1 });
  }
  return [...kinds.values()]
    .flatMap((bySum) => [...bySum.values()])
    .sort((a, b) => b.times - a.times || a.count - b.count || a.sum - b.sum);
}

export interface PairedInterval extends Interval {
  /** Two-sided: twice the smaller share of bootstrap differences on the other side of zero. */
  pValue: number;
}

/** From so many clusters on, a formula is closer to the bootstrap's distribution than 10,000 draws of it are. */
const MIN_APPROXIMATED = 200;

/**
 * Mean difference of two methods on the same questions, with the percentile interval and p-value of a paired cluster
 * bootstrap: the unit that is drawn is a cluster's difference, so what makes a question hard cancels. Of 200 clusters or
 * more the bootstrap's distribution is computed (saddlepoint.ts), of fewer it is drawn; each drawn tail counts one more.
 *
 * @param entries per cluster the summed differences (first minus second) and the number of questions
 */
export function bootstrapPairs(
  entries: readonly ClusterSum[],
  { samples = 10_000, level = 0.95, seed = 0 } = {},
): PairedInterval {
  if (entries.length === 0) throw new RangeError("A difference needs at least one pair.");
  if (entries.length >= MIN_APPROXIMATED) {
    const kinds = countEqualClusters(entries);
    return {
      ...computeInterval(entries, [0], level),
      ...approximateBootstrap(kinds, level),
    };
  }
  const means = drawBootstrapMeans(entries, samples, seed);
  let notAbove = 0;
  let notBelow = 0;
  for (const mean of means) {
    if (mean <= 1e-12) notAbove += 1;
    if (mean >= -1e-12) notBelow += 1;
  }
  return {
    ...computeInterval(entries, means, level),
    pValue: Math.min(1, (2 * (Math.min(notAbove, notBelow) + 1)) / (samples + 1)),
  };
}

/** Quantile of sorted values by linear interpolation; `share` in [0, 1]. */
export function computeQuantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) throw new RangeError("A quantile needs at least one value.");
  const position = (sorted.length - 1) * share;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}
