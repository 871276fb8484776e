"use client";
import { X } from "lucide-react";
import { useMemo, useRef } from "react";
import { LinePlot } from "@/app/_charts/line-plot";
import { StepLabel, WaitingPlot } from "@/app/_charts/plot-frame";
import { useInSight } from "@/app/_charts/use-in-sight";
import { useText } from "@/app/_i18n/text-provider";
import { useSeriesOfRuns } from "@/app/_lib/use-series";
import { Button } from "@/app/_ui/button";
import { QueryErrorState } from "@/app/_ui/states";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { findMetric } from "@/core/metrics/metrics";
import { buildOverlay, CURVE_POINTS, findScale, type RunGroup } from "./overlay";

interface OverlayChartProps {
  runs: readonly ComparedRun[];
  groups: readonly RunGroup[];
  metric: string;
  onRemove: () => void;
}

/** One metric of all compared runs. Its points are read when it comes into sight. */
export function OverlayChart({ runs, groups, metric, onRemove }: OverlayChartProps) {
  const t = useText();
  const known = findMetric(metric);
  const card = useRef<HTMLElement>(null);
  const isInSight = useInSight(card);
  const ids = useMemo(
    () => (isInSight ? runs.filter(({ metrics }) => metric in metrics).map(({ id }) => id) : []),
    [runs, metric, isInSight],
  );
  const query = useSeriesOfRuns(ids, { names: [metric], maxPoints: CURVE_POINTS });
  const series = useMemo(
    () => (query.data ? buildOverlay(runs, groups, query.data, metric) : []),
    [runs, groups, query.data, metric],
  );
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
      <div className="mt-auto">
        {query.isError && series.length === 0 ? (
          <QueryErrorState title={t("The curves could not be read")} query={query} />
        ) : series.length === 0 ? (
          <WaitingPlot>
            {query.data ? t("None of these runs reported this metric.") : t("Loading")}
          </WaitingPlot>
        ) : (
          <LinePlot label={metric} series={series} {...findScale(metric)} />
        )}
      </div>
    </article>
  );
}
