"use client";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ChartPage } from "@/app/_charts/chart-page";
import {
  findNames,
  groupNames,
  isPinned,
  moveEntry,
  togglePin,
} from "@/app/_charts/prepare/panels";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import { useSearchText } from "@/app/_lib/hooks/use-params";
import { useSeries, type Series } from "@/app/_lib/live/use-series";
import { Button } from "@/app/_ui/button";
import { SearchInput } from "@/app/_ui/search-input";
import { EmptyState, QueryErrorState, SkeletonList } from "@/app/_ui/states";
import { MetricPanel } from "./metric-panel";
import { PanelDialog } from "./panel-dialog";
import { PanelSets } from "./panel-sets";
import { usePanels } from "./use-panels";
import { RUN_CHART_METRICS } from "./train-metrics";
import { useRunCharts } from "./use-run-charts";

const NO_SERIES: Series = {};
const NO_NAMES: readonly string[] = [];
const GRID = "grid gap-3 md:grid-cols-2 xl:grid-cols-3";

/** Every metric of a run, and panels put together of them. */
export function MetricsTab({ run }: { run: RunDetail }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.metrics.names.queryOptions({ runId: run.id }));
  const names = useMemo(() => query.data?.map(({ name }) => name) ?? NO_NAMES, [query.data]);
  const shared = useSeries(run.id, RUN_CHART_METRICS).data ?? NO_SERIES;
  const { state, tracks, markers, steps } = useRunCharts(run, shared);
  const panels = usePanels();
  const { text: pattern, setText: setPattern, searched } = useSearchText("metric");
  const [edited, setEdited] = useState<number | "new" | null>(null);
  const found = useMemo(() => findNames(names, searched), [names, searched]);
  const groups = useMemo(() => groupNames(t, found ?? []), [t, found]);
  if (query.isError && !query.data)
    return <QueryErrorState title={t("The metrics could not be read")} query={query} />;
  if (query.isPending) return <SkeletonList count={6} className="h-64" list={GRID} />;
  if (names.length === 0)
    return (
      <EmptyState title={t("No metric yet")}>
        {t("They appear here as they are reported.")}
      </EmptyState>
    );
  const list = panels.panels;
  return (
    <ChartPage runId={run.id} state={state} tracks={tracks} markers={markers}>
      <div className="mt-3 flex flex-wrap items-center gap-2">
        <SearchInput
          label={t("Metrics, by regular expression")}
          placeholder={t("Metrics, e.g. ^held-out|kl")}
          value={pattern}
          aria-invalid={found === null}
          onText={setPattern}
        />
        <span role="status" className="text-xs text-muted-foreground">
          {found === null
            ? t("Not a regular expression")
            : t("{count} of {total}", { count: found.length, total: names.length })}
        </span>
        <PanelSets panels={panels} onNew={() => setEdited("new")} />
      </div>
      {list.length > 0 ? (
        <section aria-label={t("Panels")} className="mt-4">
          <h2 className="mb-2 text-xs font-semibold text-muted-foreground">{t("Panels")}</h2>
          <div className={GRID}>
            {list.map((panel, i) => (
              <MetricPanel
                key={`${panel.title} ${panel.metrics.join()}`}
                run={run}
                panel={panel}
                steps={steps}
                onEdit={() => setEdited(i)}
                onMove={(by) => panels.change(moveEntry(list, i, i + by))}
                onRemove={() => panels.change(list.filter((_, other) => other !== i))}
              />
            ))}
          </div>
        </section>
      ) : null}
      {groups.map((group) => (
        <section key={group.title} aria-label={group.title} className="mt-5">
          <h2 className="mb-2 text-xs font-semibold text-muted-foreground">{group.title}</h2>
          <div className={GRID}>
            {group.names.map((name) => (
              <PinnedMetric
                key={name}
                run={run}
                name={name}
                steps={steps}
                isPinned={isPinned(list, name)}
                onPin={() => panels.change(togglePin(list, name))}
              />
            ))}
          </div>
        </section>
      ))}
      {found?.length === 0 ? (
        <EmptyState
          title={t("No metric has such a name")}
          action={<Button onClick={() => setPattern("")}>{t("Show all")}</Button>}
        />
      ) : null}
      {edited === null ? null : (
        <PanelDialog
          panel={edited === "new" ? null : (list[edited] ?? null)}
          names={names}
          onClose={() => setEdited(null)}
          onSave={(panel) => {
            panels.change(
              edited === "new"
                ? [...list, panel]
                : list.map((other, i) => (i === edited ? panel : other)),
            );
            setEdited(null);
          }}
        />
      )}
    </ChartPage>
  );
}

interface PinnedMetricProps {
  run: RunDetail;
  name: string;
  steps: { from: number; to: number } | null;
  isPinned: boolean;
  onPin: () => void;
}

/** One metric on its own. */
function PinnedMetric({ name, ...props }: PinnedMetricProps) {
  const panel = useMemo(() => ({ title: name, metrics: [name] }), [name]);
  return <MetricPanel panel={panel} {...props} />;
}
