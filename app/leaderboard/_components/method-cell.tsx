import Link from "next/link";
import { cn } from "@/app/_lib/cn";
import { formatCount, formatShare } from "@/app/_lib/format";
import type { LeaderboardCell } from "@/app/_lib/trpc";
import {
  formatInterval,
  formatPoints,
  isSignificant,
  type Comparison,
} from "@/app/_statistics/paired-tests";
import { Badge } from "@/app/_ui/badge";
import { Tooltip } from "@/app/_ui/tooltip";

/**
 * A method's result on one question set: rank, mean, interval, and the test against the reference. It leads to the
 * episodes.
 */
export function MethodCell({ cell }: { cell: LeaderboardCell }) {
  return (
    <Link
      href={`/runs/${cell.runId}?tab=episodes`}
      className="block rounded hover:underline"
      data-cell={cell.runId}
    >
      <span className="flex items-baseline justify-end gap-1.5">
        {cell.rank === null ? null : (
          <span
            className={cn(
              "text-2xs text-muted-foreground",
              cell.rank === 1 && "font-semibold text-primary",
            )}
          >
            #{cell.rank}
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
      {cell.reason ? (
        <Badge tone="warn" className="whitespace-normal">
          {cell.reason}
        </Badge>
      ) : null}
      {cell.comparison ? <Difference comparison={cell.comparison} /> : null}
      {cell.runs > 1 ? (
        <span className="block text-2xs text-muted-foreground">newest of {cell.runs} runs</span>
      ) : null}
    </Link>
  );
}

function Difference({ comparison }: { comparison: Comparison }) {
  const { pairs, difference, low, high } = comparison;
  const significant = isSignificant(comparison);
  const tone = difference > 0 ? "text-good" : "text-bad";
  return (
    <Tooltip
      content={`Against the reference on ${formatCount(pairs, "question")}: ${formatPoints(difference)} points, 95% ${formatPoints(low)} to ${formatPoints(high)}`}
    >
      <span
        className={cn(
          "block font-mono text-2xs whitespace-nowrap",
          significant ? tone : "text-muted-foreground",
        )}
        data-significant={significant}
      >
        {formatPoints(difference)} {significant ? "*" : "n.s."}
      </span>
    </Tooltip>
  );
}
