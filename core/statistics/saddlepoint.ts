import { computeNormalQuantile, computeNormalTail } from "./special";

/** The distribution of bootstrap means without drawing them. Pure. */

/** Clusters of equal sum and number of observations, and how many there are. */
interface ClusterKind {
  sum: number;
  count: number;
  times: number;
}

/**
 * Percentile interval and two-sided p-value (twice the smaller tail beyond zero) of the mean of clusters drawn with
 * replacement, by the saddlepoint approximation of the bootstrap's distribution (Davison and Hinkley 1997, section 9.5;
 * tails by Lugannani and Rice 1980). Where all sums are whole numbers, tails at zero are corrected for continuity.
 */
export function approximateBootstrap(
  kinds: readonly ClusterKind[],
  level = 0.95,
): { low: number; high: number; pValue: number } {
  const clusters = kinds.reduce((all, { times }) => all + times, 0);
  const observations = kinds.reduce((all, { count, times }) => all + count * times, 0);
  const mean = kinds.reduce((all, { sum, times }) => all + sum * times, 0) / observations;
  const squares = kinds.reduce(
    (all, { sum, count, times }) => all + (sum - mean * count) ** 2 * times,
    0,
  );
  const error = Math.sqrt(squares) / observations;
  if (error < 1e-12)
    return { low: mean, high: mean, pValue: Math.abs(mean) < 1e-12 ? 1 : 2 ** (1 - clusters) };
  const tail = (1 - level) / 2;
  const half = kinds.every(({ sum }) => Number.isInteger(sum)) ? 0.5 / observations : 0;
  return {
    low: findQuantile(kinds, clusters, tail, mean, error),
    high: findQuantile(kinds, clusters, 1 - tail, mean, error),
    pValue: Math.min(
      1,
      2 *
        Math.min(
          computeShareBelow(kinds, clusters, half),
          1 - computeShareBelow(kinds, clusters, -half),
        ),
    ),
  };
}

/** The bootstrap mean below which a share lies: bisection from the normal interval outwards. */
function findQuantile(
  kinds: readonly ClusterKind[],
  clusters: number,
  share: number,
  mean: number,
  error: number,
): number {
  const start = mean - computeNormalQuantile(share) * error;
  let [low, high] = [start - 2 * error, start + 2 * error];
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (computeShareBelow(kinds, clusters, middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Share of bootstrap means below a value. */
function computeShareBelow(kinds: readonly ClusterKind[], clusters: number, value: number): number {
  const z = kinds.map(({ sum, count }) => sum - value * count);
  const largest = z.reduce((a, b) => Math.max(a, b), -Infinity);
  const smallest = z.reduce((a, b) => Math.min(a, b), Infinity);
  if (largest < 0) return 1;
  if (smallest > 0) return 0;
  if (largest === 0 || smallest === 0) {
    const zeros = kinds.reduce((all, { times }, i) => all + (z[i] === 0 ? times : 0), 0);
    const onlyZeros = (zeros / clusters) ** clusters;
    return largest === 0 ? 1 : onlyZeros;
  }
  const tilt = solveTilt(kinds, clusters, z, Math.max(largest, -smallest));
  const { logMoment, variance, third } = computeCumulants(kinds, clusters, z, tilt);
  const w = Math.sign(tilt) * Math.sqrt(Math.max(0, -2 * clusters * logMoment));
  const u = tilt * Math.sqrt(clusters * variance);
  // At the mean itself the formula is 0/0; its limit holds the skewness.
  const correction =
    Math.abs(w) < 1e-3 ? -third / variance ** 1.5 / (6 * Math.sqrt(clusters)) : 1 / u - 1 / w;
  const density = Math.exp(-(w * w) / 2) / Math.sqrt(2 * Math.PI);
  return Math.min(1, Math.max(0, computeNormalTail(-w) - density * correction));
}

/** The exponential tilt under which `z` has mean zero: Newton's steps, halved where they leave the bracket. */
function solveTilt(
  kinds: readonly ClusterKind[],
  clusters: number,
  z: readonly number[],
  scale: number,
): number {
  let [low, high] = [-700 / scale, 700 / scale];
  let tilt = 0;
  for (let i = 0; i < 60; i++) {
    const { first, variance } = computeCumulants(kinds, clusters, z, tilt);
    if (first > 0) high = tilt;
    else low = tilt;
    const next = tilt - first / variance;
    const step = next > low && next < high ? next : (low + high) / 2;
    if (Math.abs(step - tilt) < 1e-10 / scale) return step;
    tilt = step;
  }
  return tilt;
}

/** Logarithm of the moment generating function at `tilt`, and mean, variance and third central moment of tilted `z`. */
function computeCumulants(
  kinds: readonly ClusterKind[],
  clusters: number,
  z: readonly number[],
  tilt: number,
): { logMoment: number; first: number; variance: number; third: number } {
  let [m0, m1, m2, m3] = [0, 0, 0, 0];
  for (let i = 0; i < z.length; i++) {
    const value = z[i]!;
    const weight = kinds[i]!.times * Math.exp(tilt * value);
    m0 += weight;
    m1 += weight * value;
    m2 += weight * value * value;
    m3 += weight * value * value * value;
  }
  const first = m1 / m0;
  const second = m2 / m0;
  return {
    logMoment: Math.log(m0 / clusters),
    first,
    variance: second - first * first,
    third: m3 / m0 - 3 * first * second + 2 * first ** 3,
  };
}
