"use client";
import { useQuery } from "@tanstack/react-query";
import { ArrowRight } from "lucide-react";
import { formatDateTime, formatSeconds } from "@/app/_lib/format";
import { useTRPC, type RunDetail } from "@/app/_lib/trpc";
import { Badge } from "@/app/_ui/badge";
import { RunStateBadge } from "@/app/_ui/run-state";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { PreflightList } from "./preflight";

/** The run's changes of state and its attempts. */
export function HistoryTab({ run }: { run: RunDetail }) {
  const trpc = useTRPC();
  const query = useQuery(trpc.runs.history.queryOptions({ id: run.id }));
  if (query.isPending) return <Skeleton className="h-60" />;
  if (query.isError) return <QueryErrorState title="The history could not be read" query={query} />;
  return (
    <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <section aria-label="Changes of state">
        <h2 className="mb-2 text-xs font-semibold text-muted-foreground">
          Changes of state, newest first
        </h2>
        <ol className="rounded-lg border bg-card">
          {query.data.toReversed().map((t) => (
            <li key={t.sequence} className="border-b px-4 py-2 last:border-0">
              <div className="flex flex-wrap items-center gap-2">
                {t.from ? (
                  <>
                    <RunStateBadge state={t.from} />
                    <ArrowRight className="size-3.5 text-muted-foreground" aria-label="to" />
                  </>
                ) : null}
                <RunStateBadge state={t.to} />
                <span className="ml-auto text-xs text-muted-foreground">
                  {formatDateTime(t.at)}
                </span>
              </div>
              <p className="mt-1 text-xs break-words text-muted-foreground">
                {t.attempt > 0 ? `attempt ${t.attempt}, ` : ""}by {t.actor}
                {t.reason ? `: ${t.reason}` : ""}
              </p>
            </li>
          ))}
        </ol>
      </section>
      <section aria-label="Attempts">
        <h2 className="mb-2 text-xs font-semibold text-muted-foreground">Attempts</h2>
        {run.attempts.length === 0 ? (
          <p className="text-xs text-muted-foreground">No worker has taken it yet.</p>
        ) : null}
        <ol className="space-y-2">
          {run.attempts.map((a) => (
            <li key={a.number} className="rounded-lg border bg-card px-4 py-2.5 text-xs">
              <p className="flex items-center gap-2">
                <span className="font-medium">Attempt {a.number}</span>{" "}
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
                    {a.outcome}
                  </Badge>
                ) : (
                  <Badge tone="primary">running</Badge>
                )}
                <span className="ml-auto font-mono text-muted-foreground">
                  {a.endedAt
                    ? formatSeconds((a.endedAt.getTime() - a.startedAt.getTime()) / 1000)
                    : ""}
                </span>
              </p>
              <p className="mt-1 text-muted-foreground">
                {a.worker.name}, {formatDateTime(a.startedAt)},{" "}
                {a.fromStep === null
                  ? "from the beginning"
                  : `from the checkpoint of step ${a.fromStep}`}
              </p>
              {a.reason ? <p className="mt-1 break-words whitespace-pre-wrap">{a.reason}</p> : null}
            </li>
          ))}
        </ol>
        {run.preflight.length > 0 ? (
          <>
            <h2 className="mt-4 mb-2 text-xs font-semibold text-muted-foreground">
              Preflight of the last attempt
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
