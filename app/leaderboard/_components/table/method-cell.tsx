import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatShare } from "@/app/_lib/format/format";
import type { LeaderboardCell } from "@/app/_lib/live/trpc";
import { FigureParts } from "@/app/_statistics/figure-parts";
import { ComparabilityReasons } from "@/app/_statistics/comparability-reasons";
import { SmallestDifference } from "@/app/_statistics/no-difference";
import {
  formatInterval,
  formatRank,
  formatPoints,
  isSignificant,
  type Comparison,
} from "@/app/_statistics/paired-tests";
import { ExampleBadge } from "@/app/_ui/badge";
import { Tooltip } from "@/app/_ui/tooltip";
import { SHOWN_TEXTS } from "@/core/glossary/shown-texts";

/**
 * A method's result on one question set: rank, mean, interval, and the test against the reference. It leads to the
 * episodes.
 *
 * @param isMarked a result of the example says so; a row that has no others says it once
 */
export function MethodCell({ cell, isMarked }: { cell: LeaderboardCell; isMarked: boolean }) {
  const t = useText();
  return (
    <Link
      href={`/runs/${cell.runId}?tab=episodes`}
      className="block rounded hover:underline"
      data-cell={cell.runId}
    >
      <span className="flex items-baseline justify-end gap-1.5">
        {cell.rankInterval === null ? null : (
          <span
            title={t(SHOWN_TEXTS["rank-interval"])}
            className={cn(
              "text-2xs whitespace-nowrap text-muted-foreground",
              cell.rankInterval.low === 1 && "font-semibold text-primary",
            )}
            data-rank={formatRank(cell.rankInterval)}
          >
            #{formatRank(cell.rankInterval)} {cell.rankInterval.group}
          </span>
        )}
        <span
          className={cn("font-mono font-medium", cell.rank === null && "text-muted-foreground")}
        >
          {formatShare(cell.mean)}
        </span>
      </span>
      <span className="block font-mono text-2xs whitespace-nowrap text-muted-foreground">
        {formatInterval(cell.low, cell.high)}
      </span>
      {isMarked && cell.example ? <ExampleBadge /> : null}
      {cell.reason ? <ComparabilityReasons reasons={[cell.reason]} /> : null}
      {cell.comparison ? <Difference comparison={cell.comparison} /> : null}
      {cell.seeds ? (
        <span
          className="block text-2xs whitespace-nowrap text-muted-foreground"
          title={t(SHOWN_TEXTS["seed-average"])}
        >
          {t("avg@{seeds} {mean}, s {deviation}", {
            seeds: cell.seeds.runs.length,
            mean: formatShare(cell.seeds.mean),
            deviation: (cell.seeds.deviation * 100).toFixed(1),
          })}
        </span>
      ) : null}
      <FigureParts types={cell.types} replies={cell.replies} unread={cell.unread} />
      {cell.runs > 1 ? (
        <span className="block text-2xs text-muted-foreground">
          {t("newest of {runs} runs", { runs: cell.runs })}
        </span>
      ) : null}
    </Link>
  );
}

function Difference({ comparison }: { comparison: Comparison }) {
  const t = useText();
  const { pairs, difference, low, high } = comparison;
  const significant = isSignificant(comparison);
  const tone = difference > 0 ? "text-good" : "text-bad";
  return (
    <Tooltip
      content={t(
        "Against the reference on {pairs, plural, one {# question} other {# questions}}: {difference} points, 95% {low} to {high}",
        {
          pairs,
          difference: formatPoints(difference),
          low: formatPoints(low),
          high: formatPoints(high),
        },
      )}
    >
      <span
        className={cn(
          "block font-mono text-2xs whitespace-nowrap",
          significant ? tone : "text-muted-foreground",
        )}
        data-significant={significant}
      >
        {formatPoints(difference)}{" "}
        {significant ? (
          "*"
        ) : (
          <>
            {t("n.s.")} <SmallestDifference smallest={comparison.smallestDifference} />
          </>
        )}
      </span>
    </Tooltip>
  );
}
