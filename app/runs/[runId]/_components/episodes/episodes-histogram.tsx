"use client";
import type { KeyboardEvent } from "react";
import { formatRange, parseRange } from "@/app/_episode/episode-filter";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger, formatNumber, formatWords } from "@/app/_lib/format/format";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import type { EpisodeMeasure, MeasureRange } from "@/contracts/api/episodes";

type Bar = MeasureRange & { count: number };

interface Props {
  measure: EpisodeMeasure;
  bars: readonly Bar[];
  withoutValue: number;
  isEstimate: boolean;
}

const getEnd = ({ min = 0, max, below }: Bar): number => below ?? (max ?? min) + 1;

function formatBar(t: Text, { min, max, below }: Bar): string {
  const from = formatNumber(min);
  if (below !== undefined) return t("{from} to below {to}", { from, to: formatNumber(below) });
  return max === min ? from : t("{from} to {to}", { from, to: formatNumber(max) });
}

/** A bar in words, for readers that see none. */
function describeBar(t: Text, measure: EpisodeMeasure, bar: Bar, isEstimate: boolean): string {
  const values = { measure: formatWords(t, measure), range: formatBar(t, bar), count: bar.count };
  return isEstimate
    ? t("{measure} {range}: about {count, plural, one {# episode} other {# episodes}}", values)
    : t("{measure} {range}: {count, plural, one {# episode} other {# episodes}}", values);
}

function formatBarTitle(t: Text, bar: Bar, isEstimate: boolean): string {
  const values = { range: formatBar(t, bar), count: formatInteger(bar.count) };
  return isEstimate ? t("{range}: about {count}", values) : t("{range}: {count}", values);
}

/** Whether a range holds all of a bar. */
const holds = (range: MeasureRange | null, bar: Bar): boolean =>
  range !== null &&
  bar.min! >= (range.min ?? -Infinity) &&
  (bar.max ?? bar.below!) <= (range.max ?? range.below ?? Infinity) &&
  // A bar that reaches to below the range's included end is held only where it ends before it.
  !(range.max !== undefined && bar.below !== undefined && bar.below > range.max);

/** Episodes by a measure. A bar filters by its values; with Shift the range reaches from what is chosen to it. */
export function EpisodesHistogram({ measure, bars, withoutValue, isEstimate }: Props) {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const range = parseRange(params.get(measure) ?? "");
  if (bars.length === 0)
    return (
      <p className="flex h-24 items-center justify-center text-xs text-muted-foreground">
        {withoutValue > 0
          ? t("None of {count, plural, one {# episode} other {# episodes}} has a {measure}", {
              count: withoutValue,
              measure: formatWords(t, measure),
            })
          : t("No episode")}
      </p>
    );
  const first = bars[0]!.min!;
  const end = getEnd(bars.at(-1)!);
  const most = Math.max(...bars.map(({ count }) => count));
  const chosen = bars.findIndex((bar) => holds(range, bar));
  const choose = (bar: Bar, extends_: boolean) => {
    const { count: _count, ...own } = bar;
    if (!extends_ && range && formatRange(range) === formatRange(own))
      return setParams({ [measure]: null });
    const from = extends_ && chosen !== -1 ? Math.min(bars[chosen]!.min!, own.min!) : own.min!;
    const last =
      extends_ && chosen !== -1
        ? bars.reduce(
            (held, one) => (holds(range, one) && getEnd(one) > getEnd(held) ? one : held),
            bar,
          )
        : bar;
    const to = last.below === undefined ? { max: last.max! } : { below: last.below };
    setParams({ [measure]: formatRange({ min: from, ...to }) });
  };
  return (
    <figure className="rounded-lg border bg-card px-3 pt-3 pb-2">
      <div
        role="group"
        aria-label={t("Episodes by {measure}: choose a bar to filter", {
          measure: formatWords(t, measure),
        })}
        className="relative h-20 border-b"
      >
        {bars.map((bar, i) => (
          <button
            key={bar.min}
            type="button"
            tabIndex={i === Math.max(0, chosen) ? 0 : -1}
            aria-pressed={holds(range, bar)}
            aria-label={describeBar(t, measure, bar, isEstimate)}
            title={formatBarTitle(t, bar, isEstimate)}
            onClick={(event) => choose(bar, event.shiftKey)}
            onKeyDown={moveBetweenBars}
            className="group absolute bottom-0 flex h-full items-end px-px"
            style={{
              left: `${(100 * (bar.min! - first)) / (end - first)}%`,
              width: `${(100 * (getEnd(bar) - bar.min!)) / (end - first)}%`,
            }}
          >
            <span
              className={cn(
                "w-full rounded-t-xs group-hover:bg-primary",
                range === null || holds(range, bar) ? "bg-(--series-1)" : "bg-(--series-7)/40",
              )}
              style={{ height: `max(2px, ${(100 * bar.count) / most}%)` }}
            />
          </button>
        ))}
      </div>
      <figcaption className="mt-1 flex justify-between gap-3 text-2xs text-muted-foreground">
        <span className="font-mono">{formatNumber(first)}</span>
        <span>
          {withoutValue > 0
            ? t("{count} without a value", { count: formatInteger(withoutValue) })
            : ""}
        </span>
        <span className="font-mono">
          {formatNumber(bars.at(-1)!.below ?? bars.at(-1)!.max ?? null)}
        </span>
      </figcaption>
    </figure>
  );
}

/** Left and right go from bar to bar. */
function moveBetweenBars(event: KeyboardEvent<HTMLElement>): void {
  const next = event.key === "ArrowRight" ? "nextElementSibling" : "previousElementSibling";
  if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
  const beside = event.currentTarget[next];
  if (beside instanceof HTMLElement) beside.focus();
  event.preventDefault();
}
