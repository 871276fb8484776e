import type { MetricName } from "@/core/metrics/metric-table";
import type { MetricValues } from "./episode-metrics";

/** Undefined for no values. */
export const mean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, v) => sum + v, 0) / values.length;

export const maximum = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.max(a, b), -Infinity);
export const minimum = (values: readonly number[]): number =>
  values.reduce((a, b) => Math.min(a, b), Infinity);

type MetricFamily = MetricName extends infer N ? (N extends `${infer F}/max` ? F : never) : never;

/** Mean, largest and smallest under one family's name; nothing for no values. */
export function summariseMeanMaxMin(family: MetricFamily, values: readonly number[]): MetricValues {
  if (values.length === 0) return {};
  return {
    [`${family}/mean`]: mean(values)!,
    [`${family}/max`]: maximum(values),
    [`${family}/min`]: minimum(values),
  };
}

/** 1 - Var(returns - values) / Var(returns): 1 for a perfect critic, 0 for one that knows the mean; null where returns do not vary. */
export function computeExplainedVariance(
  values: readonly number[],
  returns: readonly number[],
): number | null {
  if (values.length === 0 || values.length !== returns.length) return null;
  const variance = (list: readonly number[]): number => {
    const centre = mean(list)!;
    return mean(list.map((x) => (x - centre) ** 2))!;
  };
  const total = variance(returns);
  return total < 1e-12 ? null : 1 - variance(returns.map((r, i) => r - values[i]!)) / total;
}
