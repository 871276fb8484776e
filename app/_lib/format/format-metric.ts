import { findMetric } from "@/core/metrics/metrics";
import { formatNumber, formatShare } from "./format";

/** A value of a metric: a share in percent, else a number. */
export const formatMetricValue = (metric: string, value: number | null): string =>
  findMetric(metric)?.unit === "share" ? formatShare(value) : formatNumber(value);
