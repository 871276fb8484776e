/** Student's t distribution with whole degrees of freedom, and the interval of a mean that it gives. Pure. */

/**
 * Probability that a t variable with `degrees` (a whole number >= 1) exceeds t: the finite sums of Abramowitz and
 * Stegun 1964, 26.7.3 and 26.7.4.
 */
export function computeStudentTail(t: number, degrees: number): number {
  if (!Number.isInteger(degrees) || degrees < 1)
    throw new RangeError("Degrees of freedom are a whole number of at least 1.");
  const angle = Math.atan(t / Math.sqrt(degrees));
  const cosine = Math.cos(angle);
  const odd = degrees % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = 0;
  for (let k = odd ? 1 : 0; k <= degrees - 2; k += 2) {
    sum += term;
    term *= ((k + 1) / (k + 2)) * cosine * cosine;
  }
  const within = odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  return (1 - within) / 2;
}

/** t with studentTail(t, degrees) = tail, for 0 < tail <= 1/2, by bisection. */
export function computeStudentQuantile(tail: number, degrees: number): number {
  if (!(tail > 0 && tail <= 0.5))
    throw new RangeError("The upper tail lies between 0 and one half.");
  let low = 0;
  let high = 1;
  while (computeStudentTail(high, degrees) > tail) high *= 2;
  for (let i = 0; i < 100 && low < high; i++) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (computeStudentTail(middle, degrees) > tail) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Quantiles of whole curves of means, which ask for the same few again and again. */
const known = new Map<string, number>();
const MOST_KNOWN = 1_000;

function lookUpStudentQuantile(tail: number, degrees: number): number {
  const key = `${tail} ${degrees}`;
  let quantile = known.get(key);
  if (quantile === undefined) {
    quantile = computeStudentQuantile(tail, degrees);
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(key, quantile);
  }
  return quantile;
}

export interface MeanInterval {
  n: number;
  mean: number;
  /** Sample standard deviation (divided by n - 1); null for one value. */
  deviation: number | null;
  /** Ends of the t interval of the mean; null for one value, which has no spread. */
  low: number | null;
  high: number | null;
}

/**
 * Mean of independent values, e.g. of one result under several seeds, with its t interval: mean +- t(n - 1) s / sqrt(n).
 * Throws RangeError where there is no value.
 */
export function computeMeanInterval(values: readonly number[], level = 0.95): MeanInterval {
  const n = values.length;
  if (n === 0) throw new RangeError("A mean needs at least one value.");
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, deviation: null, low: null, high: null };
  const deviation = Math.sqrt(
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1),
  );
  const half = (lookUpStudentQuantile((1 - level) / 2, n - 1) * deviation) / Math.sqrt(n);
  return { n, mean, deviation, low: mean - half, high: mean + half };
}

/**
 * An interval within what the values can be, of which the t interval knows nothing. The mean lies in it whatever they are.
 */
export function limitInterval(
  interval: MeanInterval,
  [least, greatest]: readonly [number, number],
): MeanInterval {
  const { mean, low, high } = interval;
  return {
    ...interval,
    low: low === null ? null : Math.max(low, Math.min(least, mean)),
    high: high === null ? null : Math.min(high, Math.max(greatest, mean)),
  };
}
