"use client";
import { usePrefetchQuery, useQuery } from "@tanstack/react-query";
import Link from "next/link";
import { useEffect } from "react";
import { useTRPC, type RunDetail } from "@/app/_lib/trpc";
import { useQueryParams } from "@/app/_lib/use-params";
import { Button } from "@/app/_ui/button";
import { QueryErrorState, Skeleton, SkeletonList } from "@/app/_ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import { AlarmBanner } from "./alarms";
import { CheckpointsTab } from "./checkpoints-tab";
import { ConfigurationTab } from "./configuration-tab";
import { EvaluateOverview } from "./evaluate-overview";
import { EpisodesTab } from "./episodes-tab";
import { HistoryTab } from "./history-tab";
import { IndexOverview } from "./index-overview";
import { LogsTab } from "./logs-tab";
import { Preflight } from "./preflight";
import { PredictOverview } from "./predict-overview";
import { RunHeader } from "./run-header";
import { ServeOverview } from "./serve-overview";
import { TRAIN_METRICS, TrainOverview } from "./train-overview";
import { buildSeriesInput } from "./use-series";

const TABS = ["overview", "episodes", "logs", "checkpoints", "configuration", "history"] as const;
type Tab = (typeof TABS)[number];
const isTab = (value: string | null): value is Tab => TABS.some((t) => t === value);

/** A run with its tabs; the address holds the tab. */
export function RunView({ runId }: { runId: string }) {
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const rawTab = params.get("tab");
  const query = useQuery(trpc.runs.get.queryOptions({ id: runId }));
  // Read together with the run, so that the charts need not wait for its kind.
  usePrefetchQuery(trpc.metrics.series.queryOptions(buildSeriesInput(runId, TRAIN_METRICS)));
  const run = query.data;
  const title = run?.name;
  useEffect(() => {
    if (title) document.title = `${title} · s3`;
  }, [title]);
  if (query.isError && !run)
    return (
      <QueryErrorState title="The run could not be read" query={query}>
        <Button size="sm" className="mt-3 mr-2" asChild>
          <Link href="/">All runs</Link>
        </Button>
      </QueryErrorState>
    );
  if (!run)
    return (
      <div className="space-y-4" aria-busy>
        <Skeleton className="h-7 w-80 max-w-full" />
        <Skeleton className="h-4 w-96 max-w-full" />
        <Skeleton className="h-9 w-full" />
        <SkeletonList count={6} className="h-64" list="grid gap-3 md:grid-cols-2 xl:grid-cols-3" />
      </div>
    );
  const learns = run.config.kind === "train";
  const shown = TABS.filter((t) =>
    t === "checkpoints"
      ? learns
      : t === "episodes"
        ? learns || run.config.kind === "predict"
        : true,
  );
  // A tab that this kind of run does not have (an evaluate run's questions are on its overview) leads to the overview.
  const tab: Tab = isTab(rawTab) && shown.includes(rawTab) ? rawTab : "overview";
  return (
    <>
      <RunHeader run={run} />
      {learns ? <AlarmBanner runId={run.id} /> : null}
      <Preflight run={run} />
      <Tabs
        className="mt-4"
        value={tab}
        onValueChange={(next) => setParams({ tab: next === "overview" ? null : next })}
      >
        <TabsList aria-label="Parts of the run">
          {shown.map((t) => (
            <TabsTrigger key={t} value={t} className="capitalize">
              {t}
            </TabsTrigger>
          ))}
        </TabsList>
        <TabsContent value="overview">
          <Overview run={run} />
        </TabsContent>
        <TabsContent value="episodes">
          <EpisodesTab run={run} />
        </TabsContent>
        <TabsContent value="logs">
          <LogsTab runId={run.id} />
        </TabsContent>
        <TabsContent value="checkpoints">
          <CheckpointsTab run={run} />
        </TabsContent>
        <TabsContent value="configuration">
          <ConfigurationTab run={run} />
        </TabsContent>
        <TabsContent value="history">
          <HistoryTab run={run} />
        </TabsContent>
      </Tabs>
    </>
  );
}

function Overview({ run }: { run: RunDetail }) {
  const { config } = run;
  switch (config.kind) {
    case "train":
      return <TrainOverview run={run} />;
    case "predict":
      return <PredictOverview run={run} />;
    case "evaluate":
      return <EvaluateOverview run={run} />;
    case "serve":
      return <ServeOverview run={run} config={config} />;
    case "index":
      return <IndexOverview run={run} config={config} />;
  }
}
