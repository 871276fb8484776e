"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@/app/_ui/link";
import dynamic from "next/dynamic";
import { useMemo } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { useQueryParams } from "@/app/_lib/hooks/use-params";
import { BackLink } from "@/app/_ui/back-link";
import { EmptyState, QueryErrorState, Skeleton, SkeletonList } from "@/app/_ui/states";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/app/_ui/tabs";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { flattenConfig, listChangedPaths } from "@/core/run/config-groups";
import { CurvesTab } from "./curves-tab";
import { DifferencesTable } from "./differences-table";
import { GroupSelect } from "./group-select";
import { chooseMetrics, groupRuns } from "./overlay";
import { ValuesTable } from "./values-table";

/** Loaded when its tab is opened: it shows turns and documents. */
const EpisodesDifference = dynamic(
  () => import("./episodes-difference").then((m) => m.EpisodesDifference),
  { loading: () => <SkeletonList count={2} className="h-40" list="mt-4 space-y-3" /> },
);

const TABS = {
  curves: markText("Curves"),
  values: markText("Values"),
  configuration: markText("Configuration"),
  environment: markText("Environment"),
  episodes: markText("Episodes"),
} as const;

/** Any runs beside each other; the address holds which, and what is shown of them. */
export function CompareRunsView() {
  const t = useText();
  const trpc = useTRPC();
  const [params] = useQueryParams();
  const ids = useMemo(() => params.get("ids")?.split(",").filter(Boolean) ?? [], [params]);
  const query = useQuery(
    trpc.runs.compare.queryOptions(
      { ids },
      { enabled: ids.length > 0, placeholderData: keepPreviousData },
    ),
  );
  return (
    <>
      <BackLink href="/runs">{t("Runs")}</BackLink>
      <h1 className="mt-1 text-lg font-semibold">
        {query.data
          ? t("Compare {runs, plural, one {# run} other {# runs}}", {
              runs: query.data.runs.length,
            })
          : t("Compare runs")}
      </h1>
      {ids.length === 0 ? (
        <EmptyState title={t("No run is chosen")}>
          {t.rich("Choose runs in the <link>list of runs</link> and press Compare.", {
            link: (text) => <Link href="/runs">{text}</Link>,
          })}
        </EmptyState>
      ) : query.isError && !query.data ? (
        <QueryErrorState className="mt-4" title={t("The runs could not be read")} query={query} />
      ) : !query.data ? (
        <Skeleton className="mt-4 h-96" />
      ) : query.data.runs.length === 0 ? (
        <EmptyState title={t("None of these runs exist")}>
          {t("The address names runs that are not stored here.")}
        </EmptyState>
      ) : (
        <Comparison runs={query.data.runs} missing={query.data.missing} />
      )}
    </>
  );
}

interface ComparisonProps {
  runs: ComparedRun[];
  /** How many runs of the address are not stored. */
  missing: number;
}

function Comparison({ runs, missing }: ComparisonProps) {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const tab = params.get("tab") ?? "curves";
  const grouping = params.get("group") ?? "each";
  const chosen = params.get("metrics");
  const metrics = useMemo(
    () => (chosen === null ? chooseMetrics(runs) : chosen.split(",").filter(Boolean)),
    [chosen, runs],
  );
  const groups = useMemo(() => groupRuns(runs, grouping), [runs, grouping]);
  const step = Number(params.get("step") ?? Number.NaN);
  return (
    <>
      <ComparisonHead
        runs={runs}
        missing={missing}
        grouping={grouping}
        onGroup={(next) => setParams({ group: next === "each" ? null : next })}
      />
      <Tabs
        className="mt-3"
        value={tab in TABS ? tab : "curves"}
        onValueChange={(next) => setParams({ tab: next === "curves" ? null : next })}
      >
        <TabsList aria-label={t("What is compared")}>
          {Object.entries(TABS).map(([value, text]) => (
            <TabsTrigger key={value} value={value}>
              {t(text)}
            </TabsTrigger>
          ))}
        </TabsList>
        <TabsContent value="curves">
          <CurvesTab
            runs={runs}
            groups={groups}
            metrics={metrics}
            onMetrics={(next) => setParams({ metrics: next.join(",") || "none" })}
          />
        </TabsContent>
        <TabsContent value="values">
          <ValuesTable
            runs={runs}
            groups={groups}
            metrics={metrics}
            step={Number.isInteger(step) && params.has("step") ? step : null}
            onStep={(next) => setParams({ step: next === null ? null : String(next) })}
          />
        </TabsContent>
        <DifferenceTabs runs={runs} />
        <TabsContent value="episodes">
          <EpisodesDifference runs={runs} />
        </TabsContent>
      </Tabs>
    </>
  );
}

type ComparisonHeadProps = ComparisonProps & {
  grouping: string;
  onGroup: (grouping: string) => void;
};

/** How the runs are grouped, and what else is known of all of them. */
function ComparisonHead({ runs, missing, grouping, onGroup }: ComparisonHeadProps) {
  const t = useText();
  const changed = useMemo(
    () =>
      listChangedPaths(runs.map(({ config, leftOut }) => flattenConfig(config, leftOut))).map(
        ({ path }) => path,
      ),
    [runs],
  );
  const predictions = runs.filter(({ kind }) => kind === "predict").map(({ id }) => id);
  return (
    <div className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-2">
      <GroupSelect value={grouping} paths={changed} onChange={onGroup} />
      {predictions.length > 1 ? (
        <Link
          href={`/compare?runs=${predictions.slice(0, 5).join(",")}`}
          className="text-primary hover:underline"
        >
          {t("Compare their answers question by question")}
        </Link>
      ) : null}
      {missing > 0 ? (
        <span className="text-warn">
          {t("{missing, plural, one {# run} other {# runs}} of the address not found", { missing })}
        </span>
      ) : null}
    </div>
  );
}

/** How configurations and environments differ; both show all or only the changed. */
function DifferenceTabs({ runs }: { runs: ComparedRun[] }) {
  const t = useText();
  const [params, setParams] = useQueryParams();
  const configs = useMemo(
    () => runs.map(({ config, leftOut }) => flattenConfig(config, leftOut)),
    [runs],
  );
  const environments = useMemo(
    () =>
      runs.map(({ environment }) => new Map<string, unknown>(Object.entries(environment ?? {}))),
    [runs],
  );
  const unrecorded = runs.filter(({ environment }) => environment === null).length;
  const shared = {
    runs,
    all: params.get("same") === "1",
    onAll: (all: boolean) => setParams({ same: all ? "1" : null }),
  };
  return (
    <>
      <TabsContent value="configuration">
        {runs.some(({ importedFrom }) => importedFrom !== null) ? (
          <p className="mb-2 text-warn">
            {t("Settings of an imported run that its files do not name are defaults, not facts.")}
          </p>
        ) : null}
        <DifferencesTable
          {...shared}
          label={t("Differences of the configurations")}
          values={configs}
        />
      </TabsContent>
      <TabsContent value="environment">
        {unrecorded > 0 ? (
          <p className="mb-2 text-muted-foreground">
            {t(
              "Not recorded for {unrecorded, plural, one {# run} other {# runs}}: imported, not started yet, or from before environments were recorded.",
              { unrecorded },
            )}
          </p>
        ) : null}
        <DifferencesTable
          {...shared}
          label={t("Differences of the environments")}
          values={environments}
        />
      </TabsContent>
    </>
  );
}
