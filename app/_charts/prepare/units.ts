import { formatInteger, formatNumber, formatSeconds, formatShare } from "@/app/_lib/format/format";
import { countTickDigits } from "./axes";

/** What a chart's values are: decides how they are written, at full length in the legend and short at the axis. */
export type Unit = "number" | "share" | "seconds" | "count";

const FORMATTERS: Record<Unit, (value: number | null) => string> = {
  number: formatNumber,
  share: formatShare,
  seconds: formatSeconds,
  count: (value) => (value === null ? "–" : formatInteger(value)),
};

/** A value at full length, as the legend shows it. */
export const formatValue = (unit: Unit, value: number | null): string => FORMATTERS[unit](value);

const formatLogTick = (unit: Unit, value: number): string => {
  const exact = Number((unit === "share" ? value * 100 : value).toPrecision(3));
  const text = exact >= 1e4 || exact < 1e-3 ? exact.toExponential(0) : String(exact);
  return `${text}${unit === "share" ? "%" : unit === "seconds" ? " s" : ""}`;
};

/** Text of a tick; `stride` is the distance of the ticks, 0 on a logarithmic axis. */
export function formatTick(unit: Unit, value: number, stride: number): string {
  if (stride === 0) return formatLogTick(unit, value);
  if (unit === "share") return `${(value * 100).toFixed(countTickDigits(stride * 100))}%`;
  if (unit === "seconds") return `${value.toFixed(countTickDigits(stride))} s`;
  const size = Math.abs(value);
  if (size >= 10_000) return `${(value / 1000).toFixed(countTickDigits(stride / 1000))}k`;
  if (size > 0 && stride < 1e-4) return value.toExponential(0);
  return value.toFixed(countTickDigits(stride));
}
