"use client";
import { useHasRollouts } from "@/app/_lib/use-has-rollouts";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import { useEffect } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { isOtherTrainers, listRunTabs, RUN_TABS, type RunTab } from "@/app/_lib/run-tabs";
import { useIsPainted } from "@/app/_lib/hooks/use-is-painted";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { Button } from "@/app/_ui/button";
import { deferPart } from "@/app/_ui/optional-part";
import { QueryErrorState, Skeleton, SkeletonList } from "@/app/_ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import { AlarmBanner } from "./header/alarms";
import { PartLoading } from "./overview/part-loading";
import { FailedPreflight } from "./overview/preflight";
import { RunHeader } from "./header/run-header";
import { usePrefetchSeries } from "@/app/_lib/live/use-series";
import { TIMING_METRICS } from "./header/use-time-left";

/**
 * Each part is loaded when it is shown: a run shows one of them at a time. Not by a lazy component, which React shows
 * 300 ms after what stands in its place at the earliest.
 */
const CheckpointsTab = deferPart(
  () => import("./tabs/checkpoints-tab").then((m) => m.CheckpointsTab),
  PartLoading,
);
const ConfigurationTab = deferPart(
  () => import("./tabs/configuration-tab").then((m) => m.ConfigurationTab),
  PartLoading,
);
const loadEpisodesTab = () => import("./episodes/episodes-tab").then((m) => m.EpisodesTab);
const EpisodesTab = deferPart(loadEpisodesTab, PartLoading);
const HistoryTab = deferPart(
  () => import("./tabs/history-tab").then((m) => m.HistoryTab),
  PartLoading,
);
const LogsTab = deferPart(() => import("./tabs/logs-tab").then((m) => m.LogsTab), PartLoading);
const MetricsTab = deferPart(
  () => import("./metrics/metrics-tab").then((m) => m.MetricsTab),
  PartLoading,
);
const PassRates = deferPart(
  () => import("./overview/pass-rates").then((m) => m.PassRates),
  PartLoading,
);
const loadTrainOverview = () => import("./overview/train-overview").then((m) => m.TrainOverview);
const TrainOverview = deferPart(loadTrainOverview, PartLoading);
const EvaluateOverview = deferPart(
  () => import("./overview/evaluate-overview").then((m) => m.EvaluateOverview),
  PartLoading,
);
const ExternalOverview = deferPart(
  () => import("./overview/external-overview").then((m) => m.ExternalOverview),
  PartLoading,
);
const IndexOverview = deferPart(
  () => import("./overview/index-overview").then((m) => m.IndexOverview),
  PartLoading,
);
const PredictOverview = deferPart(
  () => import("./overview/predict-overview").then((m) => m.PredictOverview),
  PartLoading,
);
const RunHardware = deferPart(
  () => import("./tabs/run-hardware").then((m) => m.RunHardware),
  () => null,
);
const ServeOverview = deferPart(
  () => import("./overview/serve-overview").then((m) => m.ServeOverview),
  PartLoading,
);

/** The tab that an address names. */
const readTab = (search: string): string | null => new URLSearchParams(search).get("tab");
// Its script is on its way while the page becomes interactive.
if (typeof window !== "undefined" && readTab(window.location.search) === "episodes")
  void loadEpisodesTab().catch(() => undefined);

const isTab = (value: string | null): value is RunTab => RUN_TABS.some((tab) => tab === value);

const isOnOverview = (rawTab: string | null): boolean => !isTab(rawTab) || rawTab === "overview";

const NO_METRICS: readonly string[] = [];

interface RunViewProps {
  runId: string;
  /** What the charts of a training run show: read at once, before its kind is known and before the charts are loaded. */
  trainMetrics: readonly string[];
}

/** A run with its tabs; the address holds the tab. */
export function RunView({ runId, trainMetrics }: RunViewProps) {
  const t = useText();
  const trpc = useTRPC();
  const [params, setParams] = useQueryParams();
  const rawTab = params.get("tab");
  const query = useQuery(trpc.runs.get.queryOptions({ id: runId }));
  // Of a run that is not known yet, as of one that is trained: nothing waits for its kind.
  const mayTrain = query.data === undefined || query.data.kind === "train";
  const showsTraining = mayTrain && isOnOverview(rawTab);
  usePrefetchSeries(runId, mayTrain ? TIMING_METRICS : NO_METRICS);
  usePrefetchSeries(runId, showsTraining ? trainMetrics : NO_METRICS);
  // The charts are the largest part: header and tabs answer before their scripts are loaded.
  const isPainted = useIsPainted();
  const loadsTraining = showsTraining && isPainted;
  useEffect(() => {
    if (loadsTraining) void loadTrainOverview().catch(() => undefined);
  }, [loadsTraining]);
  const run = query.data;
  const hasRollouts = useHasRollouts(run);
  const title = run?.name;
  useEffect(() => {
    if (title) document.title = `${title} · s3`;
  }, [title]);
  if (query.isError && !run)
    return (
      <QueryErrorState title={t("The run could not be read")} query={query}>
        <Button size="sm" className="mt-3 mr-2" asChild>
          <Link href="/runs">{t("All runs")}</Link>
        </Button>
      </QueryErrorState>
    );
  if (!run) return <LoadingRun />;
  const isTraining = run.config.kind === "train";
  const shown = listRunTabs(run.config.kind, hasRollouts);
  // A tab that this kind of run does not have (an evaluate run's questions are on its overview) leads to the overview.
  const tab: RunTab = isTab(rawTab) && shown.includes(rawTab) ? rawTab : "overview";
  return (
    <>
      <RunHeader run={run} />
      {isTraining || isOtherTrainers(run.kind) ? <AlarmBanner run={run} /> : null}
      <FailedPreflight run={run} />
      <Tabs
        className="mt-4"
        value={tab}
        onValueChange={(next) =>
          setParams({ tab: next === "overview" ? null : next }, { hash: "" })
        }
      >
        <TabsList aria-label={t("Parts of the run")}>
          {shown.map((name) => (
            <TabsTrigger key={name} value={name} className="capitalize">
              {t(name)}
            </TabsTrigger>
          ))}
        </TabsList>
        {RUN_TABS.map((name) => (
          <TabsContent key={name} value={name}>
            {isPainted || name !== "overview" ? <TabOfRun tab={name} run={run} /> : <PartLoading />}
          </TabsContent>
        ))}
      </Tabs>
    </>
  );
}

/** Where the parts of the page will stand. */
function LoadingRun() {
  return (
    <div className="space-y-4" aria-busy>
      <Skeleton className="h-7 w-80 max-w-full" />
      <Skeleton className="h-4 w-96 max-w-full" />
      <Skeleton className="h-9 w-full" />
      <SkeletonList count={6} className="h-64" list="grid gap-3 md:grid-cols-2 xl:grid-cols-3" />
    </div>
  );
}

function TabOfRun({ tab, run }: { tab: RunTab; run: RunDetail }) {
  switch (tab) {
    case "overview":
      return <Overview run={run} />;
    case "metrics":
      return <MetricsTab run={run} />;
    case "episodes":
      return <EpisodesTab run={run} />;
    case "questions":
      return <PassRates runId={run.id} />;
    case "logs":
      return <LogsTab runId={run.id} />;
    case "checkpoints":
      return <CheckpointsTab run={run} />;
    case "configuration":
      return <ConfigurationTab run={run} />;
    case "history":
      return <HistoryTab run={run} />;
  }
}

/** A training shows the machine among its charts, by step. */
const Overview = ({ run }: { run: RunDetail }) => (
  <>
    <OverviewOfKind run={run} />
    {run.kind === "train" ? null : <RunHardware runId={run.id} />}
  </>
);

function OverviewOfKind({ run }: { run: RunDetail }) {
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
    case "command":
    case "external":
      return <ExternalOverview run={run} />;
    case "index":
      return <IndexOverview run={run} config={config} />;
  }
}
