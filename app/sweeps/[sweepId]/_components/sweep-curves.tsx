"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ChartScopeProvider } from "@/app/_charts/chart-scope";
import { LinePlot, type LineSeries } from "@/app/_charts/line-plot";
import { StepLabel, WaitingPlot } from "@/app/_charts/plot-frame";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type SweepDetail } from "@/app/_lib/trpc";
import { Card } from "@/app/_ui/card";
import { QueryErrorState } from "@/app/_ui/states";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { BAND_EXPLANATION } from "@/core/sweep/sweep-table";
import { findAppearance, formatRowLabel, selectCurves } from "./curves";
import { getRowColour } from "./row-colour";

/** One metric over the steps: one curve for each setting, the mean over its seeds with its interval. */
export function SweepCurves({ sweep, metric }: { sweep: SweepDetail; metric: string }) {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(
    trpc.sweeps.series.queryOptions(
      { id: sweep.id, metric },
      { placeholderData: keepPreviousData },
    ),
  );
  const data = query.data?.metric === metric ? query.data : undefined;
  const curves = useMemo(() => selectCurves(data?.curves ?? [], metric), [data, metric]);
  const series = useMemo<LineSeries[]>(
    () =>
      curves.map(({ row, points }) => ({
        key: String(row),
        label: formatRowLabel(t, sweep, row),
        colour: getRowColour(row),
        dashed: row >= 7,
        points: points.map(({ step, mean, low, high, stretch }) => ({
          step,
          value: mean,
          band: low === null || high === null ? null : [low, high],
          stretch,
        })),
      })),
    [t, curves, sweep],
  );
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
    <ChartScopeProvider>
      <Card
        className="mt-4 px-3 pt-2.5 pb-1"
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
          {all > curves.length
            ? t("The best {shown} of {all} settings.", { shown: curves.length, all })
            : null}
        </p>
        {curves.length === 0 ? (
          <WaitingPlot>{waiting}</WaitingPlot>
        ) : (
          <LinePlot label={metric} series={series} {...findAppearance(metric)} />
        )}
      </Card>
    </ChartScopeProvider>
  );
}
