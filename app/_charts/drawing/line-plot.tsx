"use client";
import { memo, useMemo } from "react";
import type { Scale } from "@/app/_charts/prepare/axes";
import { useChartScope } from "./chart-scope";
import type { ChartMarker } from "@/app/_charts/prepare/marks";
import { Plot } from "./plot";
import type { ReferenceValue } from "./plot-drawing";
import type { ReportedPoints } from "@/app/_charts/prepare/export";
import { placeLine } from "@/app/_charts/prepare/prepare";
import type { Unit } from "@/app/_charts/prepare/units";
import { useShownSeries } from "./use-shown-series";
import type { LineSeries } from "@/app/_charts/prepare/view";

export interface LinePlotProps {
  /** What it is called in the page's address. */
  chartId: string;
  label: string;
  series: readonly LineSeries[];
  scale: Scale;
  unit: Unit;
  /** Last step of the axis where it is known before the points arrive. */
  lastStep?: number;
  /** Marks of this plot alone; those of the page come from its scope. */
  marks?: readonly ChartMarker[];
  references?: readonly ReferenceValue[];
  /** See Plot. */
  reported?: ReportedPoints;
}

/**
 * Curves over the steps, with their intervals or extremes as bands. A gap in a series is drawn as a gap. How it is drawn
 * comes from the ChartScopeProvider around it.
 */
export const LinePlot = memo(function LinePlot({ chartId, series, ...props }: LinePlotProps) {
  const { track, settings } = useChartScope();
  const { smoothing } = settings;
  const legend = useShownSeries(chartId, series);
  const lines = useMemo(
    () => series.map((input) => placeLine(input, { track, smoothing })),
    [series, track, smoothing],
  );
  return <Plot {...props} kind="lines" lines={lines} legend={legend} />;
});
