"use client";
import { memo, useMemo } from "react";
import { useChartScope } from "./chart-scope";
import type { ChartMarker } from "@/app/_charts/prepare/marks";
import { Plot } from "./plot";
import type { ReportedPoints } from "@/app/_charts/prepare/export";
import { placeStack, prepareStack } from "@/app/_charts/prepare/prepare";
import type { LineSeries } from "@/app/_charts/prepare/view";
import type { Unit } from "@/app/_charts/prepare/units";
import { useShownSeries } from "./use-shown-series";

interface StackPlotProps {
  /** What it is called in the page's address. */
  chartId: string;
  label: string;
  series: readonly LineSeries[];
  /** See prepareStack. */
  missing: "zero" | "drop";
  /** Shares fill 0..1. */
  share?: boolean;
  unit: Unit;
  lastStep?: number;
  marks?: readonly ChartMarker[];
  /** See Plot. */
  reported?: ReportedPoints;
}

/** Parts of a whole over the steps, stacked in the order given, the first at the bottom. */
export const StackPlot = memo(function StackPlot({
  chartId,
  series,
  missing,
  share = false,
  ...props
}: StackPlotProps) {
  const { track } = useChartScope();
  const present = useMemo(() => series.filter((s) => s.points.length > 0), [series]);
  const legend = useShownSeries(chartId, present);
  const { hidden } = legend;
  const lines = useMemo(() => {
    const data = prepareStack(present, missing);
    const keys = data.keys.filter((key) => !hidden.has(key));
    return placeStack({ rows: data.rows, keys }, track);
  }, [present, missing, hidden, track]);
  return (
    <Plot
      {...props}
      kind="stack"
      scale={share ? "share" : "positive"}
      lines={lines}
      legend={legend}
    />
  );
});
