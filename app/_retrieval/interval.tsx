import { cn } from "@/app/_lib/cn";
import { formatShare, NONE } from "@/app/_lib/format";
import type { RetrieverComparison } from "@/app/_lib/trpc";

export type Interval = RetrieverComparison["overall"][number][number];

const formatPercent = (value: number): string => (value * 100).toFixed(1);
const formatSignedPoints = (value: number): string =>
  `${value < 0 ? "−" : value > 0 ? "+" : ""}${formatPercent(Math.abs(value))}`;

/** A mean over its 95% interval, in percent. */
export function IntervalCell({ interval, best = false }: { interval: Interval; best?: boolean }) {
  if (interval === null) return <span className="text-muted-foreground">{NONE}</span>;
  return (
    <span
      className="inline-block whitespace-nowrap"
      title={`95% interval from ${formatShare(interval.low)} to ${formatShare(interval.high)}`}
    >
      <span className={cn("block font-mono", best && "font-semibold")}>
        {formatPercent(interval.mean)}
      </span>
      <span className="block font-mono text-2xs text-muted-foreground">
        {formatPercent(interval.low)}–{formatPercent(interval.high)}
      </span>
    </span>
  );
}

/** A difference in points; coloured only where its interval does not contain zero. */
export function DifferenceCell({ interval }: { interval: Interval }) {
  if (interval === null) return <span className="text-muted-foreground">{NONE}</span>;
  const { mean, low, high } = interval;
  const tone = low > 0 ? "text-good" : high < 0 ? "text-bad" : "";
  return (
    <span
      className="inline-block whitespace-nowrap"
      title={
        tone ? "The interval leaves out 0" : "The interval holds 0: the difference may be chance"
      }
    >
      <span className={cn("block font-mono", tone)}>{formatSignedPoints(mean)}</span>
      <span className="block font-mono text-2xs text-muted-foreground">
        {formatSignedPoints(low)} to {formatSignedPoints(high)}
      </span>
    </span>
  );
}
