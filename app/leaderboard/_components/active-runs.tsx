import { Link } from "@/app/_ui/link";
import { formatInteger } from "@/app/_lib/format/format";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { RunStateBadge } from "@/app/_ui/run-state";

/** Runs whose results are still to come. */
export function ActiveRuns({ active }: { active: Leaderboard["active"] }) {
  if (active.length === 0) return null;
  return (
    <Card className="mt-3 px-4 py-2.5" data-active={active.length}>
      <ul className="space-y-1">
        {active.map((run) => (
          <li key={run.runId} className="flex flex-wrap items-center gap-x-3 gap-y-0.5">
            <RunStateBadge state={run.state} />
            <Link
              href={`/runs/${run.runId}`}
              className="min-w-0 truncate font-medium hover:underline"
            >
              {run.name}
            </Link>
            <span className="font-mono text-xs text-muted-foreground">
              {run.progress && run.progress.total > 0
                ? `${formatInteger(run.progress.done)} / ${formatInteger(run.progress.total)}`
                : ""}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
