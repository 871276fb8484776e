"use client";
import { useQuery } from "@tanstack/react-query";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes } from "@/app/_lib/format/format";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { Card, CardHeader } from "@/app/_ui/card";
import { ScrollRegion } from "@/app/_ui/scroll-region";
import { QueryErrorState } from "@/app/_ui/states";
import { ExternalConfiguration } from "./external-configuration";
import { AlarmList } from "@/app/runs/[runId]/_components/header/alarm-list";
import { MetricsTab } from "@/app/runs/[runId]/_components/metrics/metrics-tab";
import { RolloutsCard } from "./rollouts-card";

/** A run of another trainer: its curves, alarms and rollouts, and the files that it stored. */
export function ExternalOverview({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.externalRuns.get.queryOptions({ runId: run.id }));
  const files = query.data?.files ?? [];
  return (
    <>
      <MetricsTab run={run} />
      <AlarmList run={run} />
      {query.data ? <RolloutsCard external={query.data} /> : null}
      {run.kind === "command" && query.data ? (
        <div className="mt-5">
          <h2 className="mb-2 text-xs font-semibold text-muted-foreground">
            {t("Parameters of the trainer")}
          </h2>
          <ExternalConfiguration parameters={query.data.parameters} />
        </div>
      ) : null}
      {query.isError && !query.data ? (
        <QueryErrorState title={t("The run's files could not be read")} query={query} />
      ) : null}
      {files.length > 0 ? (
        <Card className="mt-5">
          <CardHeader title={t("Files")} description={t("Stored by the trainer.")} />
          <ScrollRegion label={t("Files")} className="mt-2 max-h-80">
            <ul className="px-4 pb-3 text-xs">
              {files.map(({ id, path, name, bytes }) => (
                <li key={id} className="flex min-h-7 items-center justify-between gap-4">
                  <a
                    href={`/artifacts/${id}/${encodeURIComponent(name)}`}
                    className="min-w-0 font-mono break-all underline decoration-dotted underline-offset-2"
                  >
                    {path}
                  </a>
                  <span className="shrink-0 text-muted-foreground">{formatBytes(bytes)}</span>
                </li>
              ))}
            </ul>
          </ScrollRegion>
        </Card>
      ) : null}
    </>
  );
}
