import { computeQuantile } from "./bootstrap";

/** Arithmetic mean; undefined for no values. */
export const computeMean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Largest value, of lists too long for the arguments of Math.max; -Infinity for none. */
export const findMaximum = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.max(a, b), -Infinity);

/** Smallest value; Infinity for none. */
export const findMinimum = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.min(a, b), Infinity);

/** Middle value, or the mean of the two middle ones. Throws RangeError for no values. */
export const computeMedian = (values: readonly number[]): number =>
  computeQuantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/**
 * Share of the variance of `returns` that `values` explain: 1 - Var(returns - values) / Var(returns). 1 for a perfect
 * value function, 0 for one that knows only the mean; null where the returns do not vary.
 */
export function computeExplainedVariance(
  values: readonly number[],
  returns: readonly number[],
): number | null {
  if (values.length === 0 || values.length !== returns.length) return null;
  const computeVariance = (list: readonly number[]): number => {
    const mean = computeMean(list)!;
    return computeMean(list.map((x) => (x - mean) ** 2))!;
  };
  const total = computeVariance(returns);
  return total < 1e-12 ? null : 1 - computeVariance(returns.map((r, i) => r - values[i]!)) / total;
}
