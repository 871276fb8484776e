"use client";
import { ChartCard } from "@/app/_charts/chart-card";
import { ChartScopeProvider } from "@/app/_charts/drawing/chart-scope";
import { HARDWARE_TIME_CHARTS } from "@/app/_charts/definitions/hardware-charts";
import { useSeries, type Series } from "@/app/_lib/live/use-series";

const METRICS = HARDWARE_TIME_CHARTS.flatMap(({ series }) => series.map(({ metric }) => metric));
const NO_SERIES: Series = {};
/** Fewer make no curve. */
const LEAST_POINTS = 2;

/** Processors, memory and GPUs of the worker's machine while a run without training steps was on it. */
export function RunHardware({ runId }: { runId: string }) {
  const points = useSeries(runId, METRICS).data ?? NO_SERIES;
  const shown = HARDWARE_TIME_CHARTS.filter(({ series }) =>
    series.some(({ metric }) => (points[metric]?.length ?? 0) >= LEAST_POINTS),
  );
  if (shown.length === 0) return null;
  return (
    <ChartScopeProvider runId={runId} xName="second">
      <div className="mt-3 flex flex-wrap gap-3" data-hardware>
        {shown.map((chart) => (
          <ChartCard key={chart.id} chart={chart} points={points} waiting="" />
        ))}
      </div>
    </ChartScopeProvider>
  );
}
