"use client";
import { X } from "lucide-react";
import { useMemo, useRef } from "react";
import { LinePlot } from "@/app/_charts/drawing/line-plot";
import type { LineSeries } from "@/app/_charts/prepare/view";
import { StepLabel, WaitingPlot } from "@/app/_charts/drawing/plot-frame";
import { MEAN_POINTS, type LineGroup, type TracksOfRuns } from "@/app/_charts/prepare/run-lines";
import { useInSight } from "@/app/_charts/drawing/use-in-sight";
import { useRunLines } from "@/app/_charts/use-run-lines";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { QueryErrorState } from "@/app/_ui/states";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { findMetric } from "@/core/metrics/metrics";
import { findScale } from "./overlay";

interface OverlayChartProps {
  runs: readonly ComparedRun[];
  groups: readonly LineGroup[];
  metric: string;
  /** Where the steps of the runs stand on the axis; null while that is not known. */
  tracks: TracksOfRuns | null;
  onRemove: () => void;
}

const NO_TRACKS: TracksOfRuns = {};
const NO_LINES: readonly LineSeries[] = [];

/** One metric of all compared runs. Its points are read when it comes into sight. */
export function OverlayChart({ runs, groups, metric, tracks, onRemove }: OverlayChartProps) {
  const t = useText();
  const known = findMetric(metric);
  const card = useRef<HTMLElement>(null);
  const isInSight = useInSight(card);
  const ids = useMemo(
    () => (isInSight ? runs.filter(({ metrics }) => metric in metrics).map(({ id }) => id) : []),
    [runs, metric, isInSight],
  );
  const { query, lines } = useRunLines({
    runIds: ids,
    groups,
    metric,
    tracks: tracks ?? NO_TRACKS,
    maxPoints: MEAN_POINTS,
  });
  const series = tracks ? lines : NO_LINES;
  const reported = useMemo(() => ({ runIds: ids, names: [metric] }), [ids, metric]);
  return (
    <article
      ref={card}
      className="flex min-w-0 flex-col rounded-lg border bg-card px-3 pt-2.5 pb-1"
      data-overlay={metric}
      data-curves={series.length}
    >
      <div className="flex items-baseline justify-between gap-3">
        <h3 className="min-w-0 truncate font-mono text-xs font-medium">{metric}</h3>
        <span className="flex shrink-0 items-baseline gap-1">
          <StepLabel />
          <Button
            variant="ghost"
            size="icon-sm"
            className="-my-1"
            aria-label={t("Remove {metric}", { metric })}
            onClick={onRemove}
          >
            <X />
          </Button>
        </span>
      </div>
      <p className="text-xs text-muted-foreground">{known ? t(known.description) : null}</p>
      <div className="flex grow flex-col">
        {query.isError && series.length === 0 ? (
          <QueryErrorState title={t("The curves could not be read")} query={query} />
        ) : series.length === 0 ? (
          <WaitingPlot>
            {query.data && tracks ? t("None of these runs reported this metric.") : t("Loading")}
          </WaitingPlot>
        ) : (
          <LinePlot
            chartId={metric}
            label={metric}
            series={series}
            reported={reported}
            {...findScale(metric)}
          />
        )}
      </div>
    </article>
  );
}
