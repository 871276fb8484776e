import { formatInteger, formatNumber, formatSeconds, formatShare } from "@/app/_lib/format";
import { tickDigits } from "./prepare";

/** What a chart's values are: decides how they are written, at full length in the legend and short at the axis. */
export type Unit = "number" | "share" | "seconds" | "count";

const NUMBER: Record<Unit, (value: number | null) => string> = {
  number: formatNumber,
  share: formatShare,
  seconds: formatSeconds,
  count: (value) => (value === null ? "–" : formatInteger(value)),
};

export const valueText = (unit: Unit, value: number | null): string => NUMBER[unit](value);

/** Text of a tick; `stride` is the distance of the ticks. */
export function tickText(unit: Unit, value: number, stride: number): string {
  if (unit === "share") return `${(value * 100).toFixed(tickDigits(stride * 100))}%`;
  if (unit === "seconds") return `${value.toFixed(tickDigits(stride))} s`;
  const size = Math.abs(value);
  if (size >= 10_000) return `${(value / 1000).toFixed(tickDigits(stride / 1000))}k`;
  if (size > 0 && stride < 1e-4) return value.toExponential(0);
  return value.toFixed(tickDigits(stride));
}
