"use client";
import { useQuery } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { formatDateTime, formatSeconds, formatWords } from "@/app/_lib/format/format";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { Badge } from "@/app/_ui/badge";
import { Help } from "@/app/_ui/help";
import { RunStateBadge } from "@/app/_ui/run-state";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { PreflightList } from "@/app/runs/[runId]/_components/overview/preflight";

/** The run's changes of state and its attempts. */
export function HistoryTab({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.runs.history.queryOptions({ id: run.id }));
  if (query.isPending) return <Skeleton className="h-60" />;
  if (query.isError && !query.data)
    return <QueryErrorState title={t("The history could not be read")} query={query} />;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <section aria-label={t("Changes of state")}>
        <h2 className="mb-2 flex items-center gap-1 text-xs font-semibold text-muted-foreground">
          {t("Changes of state, newest first")} <Help term="lease" />
        </h2>
        <ol className="rounded-lg border bg-card">
          {query.data.toReversed().map((change) => (
            <li key={change.sequence} className="border-b px-4 py-2 last:border-0">
              <div className="flex flex-wrap items-center gap-2">
                {change.from && change.from !== change.to ? (
                  <>
                    <RunStateBadge state={change.from} kind={run.kind} />
                    <ArrowRight className="size-3.5 text-muted-foreground" aria-label={t("to")} />
                  </>
                ) : null}
                <RunStateBadge state={change.to} kind={run.kind} />
                <span className="ml-auto text-xs text-muted-foreground">
                  {formatDateTime(t, change.at)}
                </span>
              </div>
              <p className="mt-1 text-xs break-words text-muted-foreground">
                {change.attempt > 0
                  ? t("attempt {attempt}, by {actor}", {
                      attempt: change.attempt,
                      actor: change.actor,
                    })
                  : t("by {actor}", { actor: change.actor })}
                {change.reason ? `: ${t.message(change.reason)}` : ""}
              </p>
            </li>
          ))}
        </ol>
      </section>
      <section aria-label={t("Attempts")}>
        <h2 className="mb-2 flex items-center gap-1 text-xs font-semibold text-muted-foreground">
          {t("Attempts")} <Help term="attempt" />
        </h2>
        {run.attempts.length === 0 ? (
          <p className="text-xs text-muted-foreground">{t("No worker has taken it yet.")}</p>
        ) : null}
        <ol className="space-y-2">
          {run.attempts.map((a) => (
            <li key={a.number} className="rounded-lg border bg-card px-4 py-2.5 text-xs">
              <p className="flex items-center gap-2">
                <span className="font-medium">{t("Attempt {number}", { number: a.number })}</span>{" "}
                {a.outcome ? (
                  <Badge
                    tone={
                      a.outcome === "succeeded"
                        ? "good"
                        : a.outcome === "failed" || a.outcome === "lost"
                          ? "bad"
                          : "neutral"
                    }
                  >
                    {formatWords(t, a.outcome)}
                  </Badge>
                ) : (
                  <Badge tone="primary">{t("running")}</Badge>
                )}
                <span className="ml-auto font-mono text-muted-foreground">
                  {a.endedAt
                    ? formatSeconds((a.endedAt.getTime() - a.startedAt.getTime()) / 1000)
                    : ""}
                </span>
              </p>
              <p className="mt-1 text-muted-foreground">
                {a.worker.name}, {formatDateTime(t, a.startedAt)},{" "}
                {a.fromStep === null
                  ? t("from the beginning")
                  : t("from the checkpoint of step {fromStep}", { fromStep: a.fromStep })}
              </p>
              {a.reason ? (
                <p className="mt-1 break-words whitespace-pre-wrap">{t.message(a.reason)}</p>
              ) : null}
            </li>
          ))}
        </ol>
        {run.preflight.length > 0 ? (
          <>
            <h2 className="mt-4 mb-2 text-xs font-semibold text-muted-foreground">
              {t("Preflight of the last attempt")}
            </h2>
            <div className="rounded-lg border bg-card px-4 py-3">
              <PreflightList items={run.preflight} />
            </div>
          </>
        ) : null}
      </section>
    </div>
  );
}
