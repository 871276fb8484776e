"use client";
import { Link } from "@/app/_ui/link";
import type { ReactNode } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { formatAgo, formatSeconds } from "@/app/_lib/format/format";
import { formatMetricValue } from "@/app/_lib/format/format-metric";
import { computeProgressShare, computeRunSeconds, formatProgress } from "@/app/_lib/run-view";
import { useNow } from "@/app/_lib/hooks/use-now";
import { Badge } from "@/app/_ui/badge";
import { Card, CardHeader } from "@/app/_ui/card";
import { Progress } from "@/app/_ui/progress";
import { RunStateBadge } from "@/app/_ui/run-state";
import type { HomeRun } from "@/contracts/api/home";
import { getHeadlineMetric, getMetricLabel } from "@/core/metrics/metrics";

type RunListProps = { title: string; description?: string; all: string; children: ReactNode };

/** A card of runs with a link to all of them. */
function RunListCard({ title, description, all, children }: RunListProps) {
  const t = useText();
  return (
    <Card className="pb-1" aria-label={title}>
      <CardHeader title={title} description={description}>
        <Link href={all} className="text-xs text-primary hover:underline">
          {t("All")}
        </Link>
      </CardHeader>
      {children}
    </Card>
  );
}

const row = "relative grid gap-x-4 gap-y-1 border-b px-4 py-2 last:border-0 hover:bg-muted/50";

/** Runs that are under way, with how far they are. */
export function ActiveRuns({ runs, count }: { runs: readonly HomeRun[]; count: number }) {
  const t = useText();
  const now = useNow();
  return (
    <RunListCard
      title={t("Running")}
      description={
        count > runs.length
          ? t("{count, plural, one {# run} other {# runs}} not at their end", { count })
          : undefined
      }
      all="/runs?state=active"
    >
      {runs.length === 0 ? (
        <p className="px-4 py-4 text-muted-foreground">
          {t.rich("Nothing runs now. <link>Launch a run</link>", {
            link: (text) => (
              <Link href="/runs/new" className="text-primary underline">
                {text}
              </Link>
            ),
          })}
        </p>
      ) : (
        <ul className="mt-1">
          {runs.map((run) => (
            <li
              key={run.id}
              data-run={run.id}
              className={`${row} items-center sm:grid-cols-[minmax(0,1fr)_7rem_minmax(0,14rem)]`}
            >
              <Link href={`/runs/${run.id}`} className="truncate row-link">
                {run.name}
              </Link>
              <span className="flex items-center gap-2">
                <RunStateBadge state={run.state} kind={run.kind} />
              </span>
              {run.progress ? (
                <div>
                  <Progress
                    value={computeProgressShare(run.progress)}
                    label={t("Progress of {name}", { name: run.name })}
                  />
                  <p className="mt-1 truncate text-2xs text-muted-foreground">
                    {formatProgress(t, run.progress)} · {formatSeconds(computeRunSeconds(run, now))}
                  </p>
                </div>
              ) : (
                <p className="text-xs text-muted-foreground">
                  {run.state === "queued"
                    ? t("waiting for a worker")
                    : run.kind === "external"
                      ? t("reported by its trainer")
                      : t("no progress reported yet")}
                </p>
              )}
            </li>
          ))}
        </ul>
      )}
    </RunListCard>
  );
}

type EndedRunsProps = { runs: readonly HomeRun[]; count: number; since: Date };

/** The runs that ended last; those that ended since the last visit are marked. */
export function EndedRuns({ runs, count, since }: EndedRunsProps) {
  const t = useText();
  const now = useNow();
  return (
    <RunListCard
      title={t("Ended")}
      description={
        now === 0
          ? " "
          : t(
              "{count, plural, =0 {No run has} one {# run} other {# runs}} ended since your last visit, {since}",
              { count, since: formatAgo(t, since, now) },
            )
      }
      all="/runs"
    >
      {runs.length === 0 ? (
        <p className="px-4 py-4 text-muted-foreground">{t("No run has come to its end yet.")}</p>
      ) : (
        <ul className="mt-1">
          {runs.map((run) => (
            <li
              key={run.id}
              data-run={run.id}
              className={`${row} items-baseline sm:grid-cols-[minmax(0,1fr)_7rem_minmax(0,14rem)]`}
            >
              <span className="flex min-w-0 items-baseline gap-2">
                <Link href={`/runs/${run.id}`} className="truncate row-link">
                  {run.name}
                </Link>
                {run.endedAt && run.endedAt > since ? (
                  <Badge tone="primary">{t("new")}</Badge>
                ) : null}
              </span>
              <span>
                <RunStateBadge state={run.state} kind={run.kind} />
              </span>
              <p
                className="truncate text-xs text-muted-foreground"
                title={run.error === null ? undefined : t.message(run.error)}
              >
                {run.endedAt ? `${formatAgo(t, run.endedAt, now)} · ` : ""}
                {run.error === null ? formatHeadline(t, run) : t.message(run.error)}
              </p>
            </li>
          ))}
        </ul>
      )}
    </RunListCard>
  );
}

/** "Reward mean 0.41", or how long it took where nothing was measured. */
function formatHeadline(t: Text, run: HomeRun): string {
  if (run.headline === null)
    return t("took {duration}", { duration: formatSeconds(computeRunSeconds(run, Date.now())) });
  const metric = getHeadlineMetric(run.kind);
  return `${t(getMetricLabel(metric))} ${formatMetricValue(metric, run.headline)}`;
}
