"use client";
import { useId, useMemo } from "react";
import { ChartPage } from "@/app/_charts/chart-page";
import { useChartSettings } from "@/app/_charts/use-chart-settings";
import { useTracksOfRuns } from "@/app/_charts/use-run-lines";
import { chooseClockMetrics, listKinds } from "@/app/_charts/prepare/x-axis";
import { useText } from "@/app/_i18n/text-provider";
import { Input } from "@/app/_ui/field";
import { QueryErrorState } from "@/app/_ui/states";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { BAND_EXPLANATION } from "@/core/sweep/sweep-table";
import { OverlayChart } from "./overlay-chart";
import { listLineGroups, listMetricNames, type RunGroup } from "./overlay";

interface CurvesTabProps {
  runs: readonly ComparedRun[];
  groups: readonly RunGroup[];
  metrics: readonly string[];
  onMetrics: (metrics: readonly string[]) => void;
}

/** A chart for each chosen metric, with the curves of all runs or groups. */
export function CurvesTab({ runs, groups, metrics, onMetrics }: CurvesTabProps) {
  const t = useText();
  const state = useChartSettings();
  const listId = useId();
  const names = useMemo(() => listMetricNames(runs), [runs]);
  const shown = useMemo(() => metrics.filter((metric) => names.includes(metric)), [metrics, names]);
  const lineGroups = useMemo(() => listLineGroups(runs, groups), [runs, groups]);
  const clocks = useMemo(
    () =>
      Object.fromEntries(
        runs.map(({ id, metrics: own }) => [id, chooseClockMetrics(Object.keys(own))]),
      ),
    [runs],
  );
  const kinds = useMemo(() => listKinds(new Set(names)), [names]);
  const x = kinds.includes(state.settings.x) ? state.settings.x : "step";
  const placing = useTracksOfRuns(clocks, x);
  const isGrouped = groups.some(({ members }) => members.length > 1);
  return (
    <ChartPage state={state} kinds={kinds}>
      <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2">
        <label className="flex items-center gap-2">
          {t("Add a metric")}
          <Input
            className="w-64 font-mono"
            list={listId}
            defaultValue=""
            placeholder={t("one of {count}", { count: names.length })}
            onChange={(event) => {
              const name = event.target.value;
              if (!names.includes(name) || shown.includes(name)) return;
              event.target.value = "";
              onMetrics([...shown, name]);
            }}
          />
        </label>
        <datalist id={listId}>
          {names
            .filter((name) => !shown.includes(name))
            .map((name) => (
              <option key={name} value={name} />
            ))}
        </datalist>
        {isGrouped ? (
          <p className="text-xs text-muted-foreground">
            {t(BAND_EXPLANATION)}{" "}
            {t("A curve breaks where another number of runs stands behind it.")}{" "}
            {x === "step"
              ? null
              : t(
                  "On another axis than steps it is the mean of what its runs had reached at the same place.",
                )}
          </p>
        ) : null}
      </div>
      <QueryErrorState
        className="mt-3"
        title={t("The axis could not be read")}
        query={placing.query}
      />
      {shown.length === 0 ? (
        <p className="mt-4 text-muted-foreground">
          {names.length === 0
            ? t("None of these runs has reported a metric yet.")
            : t("No metric is chosen.")}
        </p>
      ) : (
        <div className="mt-3 grid gap-3 md:grid-cols-2">
          {shown.map((metric) => (
            <OverlayChart
              key={metric}
              runs={runs}
              groups={lineGroups}
              tracks={placing.isPending ? null : placing.tracks}
              metric={metric}
              onRemove={() => onMetrics(shown.filter((one) => one !== metric))}
            />
          ))}
        </div>
      )}
    </ChartPage>
  );
}
