import { computeQuantile, createRandom } from "./bootstrap";
import { computeNormalTail } from "./special";
import { computeStudentQuantile } from "./student";

/** Ranks of methods on the same questions, as far as the questions tell them. Pure; random numbers come from a seed. */

/** Results of several methods over the same clusters of questions. */
export interface ClusteredScores {
  /** Questions of each cluster. */
  counts: Float64Array;
  /** By method: the summed scores of each cluster. */
  sums: readonly Float64Array[];
}

export interface RankInterval {
  /** Best and worst rank that the questions leave open; 1 is the best method. */
  low: number;
  high: number;
  /** Letters: two methods share one where no difference between them is shown. */
  group: string;
}

/** Samples of the largest difference: its 95% quantile then has a standard error below 1%. */
const SAMPLES = 4_000;

/**
 * Rank intervals that hold together for all methods (with probability `level`), from simultaneous paired comparisons: a
 * method's best rank is one more than the number of methods that are shown to be better (Mogstad, Romano, Shaikh and
 * Wilhelm 2024, without the stepwise refinement). Pairs are compared by cluster-robust t statistics against the quantile
 * of the largest one, simulated from their joint normal distribution, and with clusters - 1 degrees of freedom. Clusters
 * too few for any sign test of all pairs to show a difference leave every rank open. Empty for no methods.
 */
export function rankMethods(
  { counts, sums }: ClusteredScores,
  { level = 0.95, samples = SAMPLES, seed = 0 } = {},
): RankInterval[] {
  const methods = sums.length;
  const clusters = counts.length;
  const questions = counts.reduce((all, count) => all + count, 0);
  const means = sums.map((of) => of.reduce((all, sum) => all + sum, 0) / questions);
  const covariance = computeCovariance({ counts, sums }, means, questions);
  const pairs = (methods * (methods - 1)) / 2;
  const isTestable = pairs * 2 ** (1 - clusters) <= 1 - level;
  const critical =
    pairs > 0 && isTestable
      ? simulateCriticalValue(covariance, { level, samples, seed, degrees: clusters - 1 })
      : Infinity;
  /** Whether i is shown to be better than j. */
  const isBetter = (i: number, j: number): boolean => {
    const difference = means[i]! - means[j]!;
    return (
      difference > 1e-12 && isTestable && difference > critical * computeError(covariance, i, j)
    );
  };
  const indices = sums.map((_, i) => i);
  const groups = groupTies(means, (i, j) => isBetter(i, j) || isBetter(j, i));
  return indices.map((i) => ({
    low: 1 + indices.filter((j) => isBetter(j, i)).length,
    high: methods - indices.filter((j) => isBetter(i, j)).length,
    group: groups[i]!,
  }));
}

/** Covariance of the methods' means over clusters, by linearisation of the ratio of sums (Cochran 1977, section 6.3). */
function computeCovariance(
  { counts, sums }: ClusteredScores,
  means: readonly number[],
  questions: number,
): number[][] {
  const clusters = counts.length;
  const residuals = sums.map((of, i) => of.map((sum, g) => sum - means[i]! * counts[g]!));
  const factor = clusters / Math.max(1, clusters - 1) / questions ** 2;
  const covariance = sums.map(() => new Array<number>(sums.length).fill(0));
  for (let i = 0; i < sums.length; i++)
    for (let j = 0; j <= i; j++) {
      const [a, b] = [residuals[i]!, residuals[j]!];
      let product = 0;
      for (let g = 0; g < clusters; g++) product += a[g]! * b[g]!;
      covariance[i]![j] = covariance[j]![i] = product * factor;
    }
  return covariance;
}

/** Standard error of the difference of two means. */
const computeError = (covariance: readonly (readonly number[])[], i: number, j: number): number =>
  Math.sqrt(Math.max(0, covariance[i]![i]! + covariance[j]![j]! - 2 * covariance[i]![j]!));

/** The value that the largest of all pairs' t statistics exceeds with probability 1 - level where no methods differ. */
function simulateCriticalValue(
  covariance: readonly (readonly number[])[],
  {
    level,
    samples,
    seed,
    degrees,
  }: { level: number; samples: number; seed: number; degrees: number },
): number {
  const factor = factorise(covariance);
  const methods = covariance.length;
  const inverse = covariance.map((_, i) =>
    covariance.map((_, j) => {
      const error = computeError(covariance, i, j);
      return error > 1e-12 ? 1 / error : 0;
    }),
  );
  const random = createRandom(seed);
  const normal = new Float64Array(methods);
  const value = new Float64Array(methods);
  const largest = new Float64Array(samples);
  for (let s = 0; s < samples; s++) {
    // Box and Muller 1958.
    for (let i = 0; i < methods; i++)
      normal[i] = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    for (let i = 0; i < methods; i++) {
      let sum = 0;
      for (let k = 0; k <= i; k++) sum += factor[i]![k]! * normal[k]!;
      value[i] = sum;
    }
    let most = 0;
    for (let i = 1; i < methods; i++)
      for (let j = 0; j < i; j++) {
        const statistic = Math.abs(value[i]! - value[j]!) * inverse[i]![j]!;
        if (statistic > most) most = statistic;
      }
    largest[s] = most;
  }
  const quantile = computeQuantile(largest.sort(), level);
  if (quantile === 0) return 0;
  return degrees >= 1_000
    ? quantile
    : computeStudentQuantile(Math.max(1e-15, computeNormalTail(quantile)), degrees);
}

/** Cholesky factor of a positive semidefinite matrix; a direction without variance gets a column of zeros. */
function factorise(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const factor = matrix.map(() => new Array<number>(n).fill(0));
  for (let j = 0; j < n; j++) {
    let pivot = matrix[j]![j]!;
    for (let k = 0; k < j; k++) pivot -= factor[j]![k]! ** 2;
    if (pivot <= matrix[j]![j]! * 1e-10) continue;
    factor[j]![j] = Math.sqrt(pivot);
    for (let i = j + 1; i < n; i++) {
      let sum = matrix[i]![j]!;
      for (let k = 0; k < j; k++) sum -= factor[i]![k]! * factor[j]![k]!;
      factor[i]![j] = sum / factor[j]![j]!;
    }
  }
  return factor;
}

/**
 * Letters of tie groups, "a" for that of the best method (Piepho 2004, insert and absorb): two methods share a letter
 * exactly where `isDifferent` denies that they differ.
 */
function groupTies(
  means: readonly number[],
  isDifferent: (i: number, j: number) => boolean,
): string[] {
  const order = means.map((_, i) => i).sort((a, b) => means[b]! - means[a]!);
  let groups: Set<number>[] = [new Set(order)];
  for (const [at, i] of order.entries())
    for (const j of order.slice(at + 1)) {
      if (!isDifferent(i, j)) continue;
      const split = groups.flatMap((group) =>
        group.has(i) && group.has(j)
          ? [i, j].map((left) => new Set([...group].filter((member) => member !== left)))
          : [group],
      );
      groups = split.filter(
        (group, g) =>
          !split.some(
            (other, o) =>
              o !== g &&
              [...group].every((member) => other.has(member)) &&
              (other.size > group.size || o < g),
          ),
      );
    }
  const places = new Map(order.map((i, place) => [i, place]));
  const getFirst = (group: Set<number>): number =>
    Math.min(...[...group].map((i) => places.get(i)!));
  groups.sort((a, b) => getFirst(a) - getFirst(b));
  return means.map((_, i) =>
    groups.flatMap((group, g) => (group.has(i) ? [formatLetter(g)] : [])).join(""),
  );
}

/** "a" to "z", then "A" to "Z", then "*". */
const formatLetter = (index: number): string =>
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[index] ?? "*";
