"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ChartPage } from "@/app/_charts/chart-page";
import { useChartScope } from "@/app/_charts/drawing/chart-scope";
import { LinePlot } from "@/app/_charts/drawing/line-plot";
import { StepLabel, WaitingPlot } from "@/app/_charts/drawing/plot-frame";
import {
  MEAN_POINTS,
  toMeanPoints,
  type LineGroup,
  type TracksOfRuns,
} from "@/app/_charts/prepare/run-lines";
import { useChartSettings } from "@/app/_charts/use-chart-settings";
import { useRestingZoom } from "@/app/_charts/use-detail";
import { useRunLines, useTracksOfRuns } from "@/app/_charts/use-run-lines";
import { chooseClockMetrics, listKinds } from "@/app/_charts/prepare/x-axis";
import { cn } from "@/app/_ui/cn";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type SweepCurves as Curves, type SweepDetail } from "@/app/_lib/live/trpc";
import { Card } from "@/app/_ui/card";
import { QueryErrorState } from "@/app/_ui/states";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { BAND_EXPLANATION } from "@/core/sweep/sweep-table";
import { CURVES_HEIGHT } from "./curves-height";
import { findAppearance, formatRowLabel, selectCurves } from "./curves";
import { getSeriesColour } from "@/app/_charts/prepare/series-colour";

const NO_IDS: readonly string[] = [];
const NO_CURVES: Curves = [];

/** One metric over the steps: one curve for each setting, the mean over its seeds with its interval. */
export function SweepCurves({ sweep, metric }: { sweep: SweepDetail; metric: string }) {
  const t = useText();
  const trpc = useTRPC();
  const state = useChartSettings();
  const query = useQuery(
    trpc.sweeps.series.queryOptions(
      { id: sweep.id, metric },
      { placeholderData: keepPreviousData },
    ),
  );
  const data = query.data?.metric === metric ? query.data : undefined;
  const curves = useMemo(() => selectCurves(data?.curves ?? NO_CURVES, metric), [data, metric]);
  const groups = useMemo(
    () =>
      curves.map(({ row }): LineGroup => ({
        key: String(row),
        label: formatRowLabel(t, sweep, row),
        colour: getSeriesColour(row),
        dashed: row >= 7,
        runIds: sweep.members.filter((run) => run.row === row).map(({ id }) => id),
      })),
    [t, curves, sweep],
  );
  const kinds = useMemo(() => listKinds(new Set(sweep.available)), [sweep.available]);
  const clocks = useMemo(() => {
    const clock = chooseClockMetrics(sweep.available);
    return Object.fromEntries(
      groups.flatMap((group) => group.runIds.map((id) => [id, clock] as const)),
    );
  }, [groups, sweep.available]);
  const x = kinds.includes(state.settings.x) ? state.settings.x : "step";
  const placing = useTracksOfRuns(clocks, x);
  const all = data?.curves.length ?? 0;
  const waiting = !data
    ? t("Loading")
    : sweep.members.every((run) => TERMINAL_STATES.has(run.state))
      ? t("No run reported this metric.")
      : t("Points arrive as the runs report this metric.");
  if (query.isError && !data)
    return (
      <QueryErrorState className="mt-4" title={t("The curves could not be read")} query={query} />
    );
  return (
    <ChartPage state={state} kinds={kinds}>
      <QueryErrorState
        className="mt-3"
        title={t("The axis could not be read")}
        query={placing.query}
      />
      <Card
        className={cn("mt-4 flex flex-col px-3 pt-2.5 pb-1", CURVES_HEIGHT)}
        aria-label={t("Curves of {metric}", { metric })}
        data-curves={curves.length}
        data-points={curves.reduce((sum, curve) => sum + curve.points.length, 0)}
      >
        <div className="flex items-baseline justify-between gap-3">
          <h2 className="min-w-0 truncate font-mono text-xs font-medium">{metric}</h2>
          {curves.length > 0 ? <StepLabel /> : null}
        </div>
        <p className="text-xs text-muted-foreground">
          {t(BAND_EXPLANATION)} {t("A curve breaks where another number of runs stands behind it.")}{" "}
          {x === "step"
            ? null
            : t(
                "On another axis than steps it is the mean of what its runs had reached at the same place.",
              )}{" "}
          {all > curves.length
            ? t("The best {shown} of {all} settings.", { shown: curves.length, all })
            : null}
        </p>
        {curves.length === 0 ? (
          <WaitingPlot>{waiting}</WaitingPlot>
        ) : placing.isPending ? (
          <WaitingPlot>{t("Loading")}</WaitingPlot>
        ) : (
          <CurvesPlot metric={metric} curves={curves} groups={groups} tracks={placing.tracks} />
        )}
      </Card>
    </ChartPage>
  );
}

interface CurvesPlotProps {
  metric: string;
  curves: Curves;
  groups: readonly LineGroup[];
  tracks: TracksOfRuns;
}

/** The means over steps come from the server; of a part, and on another axis, they are made of the runs' own points. */
function CurvesPlot({ metric, curves, groups, tracks }: CurvesPlotProps) {
  const t = useText();
  const { xKind, zoom } = useChartScope();
  const isOwn = useRestingZoom(zoom) !== null || xKind !== "step";
  const runIds = useMemo(
    () => (isOwn ? groups.flatMap((group) => group.runIds) : NO_IDS),
    [isOwn, groups],
  );
  // No more than a mean has: of a run with more the part that is zoomed to is asked for.
  const own = useRunLines({ runIds, groups, metric, tracks, maxPoints: MEAN_POINTS });
  const whole = useMemo(
    () =>
      groups.map(({ runIds: _, ...style }, i) => ({
        ...style,
        points: toMeanPoints(curves[i]!.points),
        track: null,
      })),
    [groups, curves],
  );
  const reported = useMemo(
    () => ({ runIds: groups.flatMap((group) => group.runIds), names: [metric] }),
    [groups, metric],
  );
  const isThere = isOwn && own.lines.length > 0;
  if (own.query.isError && isOwn)
    return <QueryErrorState title={t("The curves could not be read")} query={own.query} />;
  // The server's means have places on steps only.
  if (xKind !== "step" && !isThere) return <WaitingPlot>{t("Loading")}</WaitingPlot>;
  return (
    <LinePlot
      // The same for each metric: a setting that is hidden stays so.
      chartId="curves"
      label={metric}
      series={isThere ? own.lines : whole}
      reported={reported}
      {...findAppearance(metric)}
    />
  );
}
