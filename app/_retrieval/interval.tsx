import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatShare, NONE } from "@/app/_lib/format/format";
import type { RetrieverComparison } from "@/app/_lib/live/trpc";
import { SmallestDifference } from "@/app/_statistics/no-difference";

type Difference = RetrieverComparison["differences"][number][number];
export type Interval = RetrieverComparison["overall"][number][number];

const formatPercent = (value: number): string => (value * 100).toFixed(1);
const formatSignedPoints = (value: number): string =>
  `${value < 0 ? "−" : value > 0 ? "+" : ""}${formatPercent(Math.abs(value))}`;

/** A mean over its 95% interval, in percent. */
export function IntervalCell({ interval, best = false }: { interval: Interval; best?: boolean }) {
  const t = useText();
  if (interval === null) return <span className="text-muted-foreground">{NONE}</span>;
  return (
    <span
      className="inline-block whitespace-nowrap"
      title={t("95% interval from {low} to {high}", {
        low: formatShare(interval.low),
        high: formatShare(interval.high),
      })}
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
export function DifferenceCell({ interval }: { interval: Difference }) {
  const t = useText();
  if (interval === null) return <span className="text-muted-foreground">{NONE}</span>;
  const { mean, low, high } = interval;
  const tone = low > 0 ? "text-good" : high < 0 ? "text-bad" : "";
  return (
    <span
      className="inline-block whitespace-nowrap"
      title={
        tone
          ? t("The interval leaves out 0")
          : t("The interval holds 0: the difference may be chance")
      }
    >
      <span className={cn("block font-mono", tone)}>{formatSignedPoints(mean)}</span>
      <span className="block font-mono text-2xs text-muted-foreground">
        {t("{low} to {high}", { low: formatSignedPoints(low), high: formatSignedPoints(high) })}
      </span>
      {tone ? null : (
        <SmallestDifference
          smallest={interval.smallestDifference}
          className="block text-2xs text-muted-foreground"
        />
      )}
    </span>
  );
}
