import { computeMean, findMaximum, findMinimum } from "@/core/statistics/summary";
import type { MetricName } from "@/core/metrics/metric-table";
import type { MetricPoint } from "@/contracts/records/metric-point";

/** Values of one step or evaluation by metric. A metric that has no meaning for its episodes is left out. */
export type MetricValues = Partial<Record<MetricName, number>>;

/** Points for a report. A value that is not finite is left out: it would be a defect of the code that computed it. */
export function buildMetricPoints(
  values: MetricValues,
  step: number,
  at = Date.now(),
): MetricPoint[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value !== undefined && Number.isFinite(value) ? [{ name, step, value, at }] : [],
  );
}

type MetricFamily = MetricName extends infer N ? (N extends `${infer F}/max` ? F : never) : never;

/** Mean, largest and smallest value under the family's name; nothing for no values. */
export function summariseMeanMaxMin(family: MetricFamily, values: readonly number[]): MetricValues {
  const mean = computeMean(values);
  if (mean === undefined) return {};
  return {
    [`${family}/mean`]: mean,
    [`${family}/max`]: findMaximum(values),
    [`${family}/min`]: findMinimum(values),
  };
}
