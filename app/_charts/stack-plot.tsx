"use client";
import { memo, useMemo } from "react";
import { Area, AreaChart, CartesianGrid, XAxis, YAxis } from "recharts";
import { formatInteger } from "@/app/_lib/format";
import { AXIS } from "./line-plot";
import { PLOT, PLOT_HEIGHT, PlotFrame, type LegendEntry } from "./plot-frame";
import {
  prepareStack,
  computeStepTicks,
  computeValueAxis,
  type Row,
  type SeriesInput,
  type StackData,
} from "./prepare";
import { formatTick, type Unit } from "./units";

export interface StackSeries extends SeriesInput {
  colour: string;
}

interface StackPlotProps {
  label: string;
  series: readonly StackSeries[];
  /** See prepareStack. */
  missing: "zero" | "drop";
  /** Shares fill 0..1. */
  share?: boolean;
  unit: Unit;
  lastStep?: number;
}

/** Parts of a whole over the steps, stacked in the order given, the first at the bottom. */
export function StackPlot({
  label,
  series,
  missing,
  share = false,
  unit,
  lastStep,
}: StackPlotProps) {
  const data = useMemo(() => prepareStack(series, missing), [series, missing]);
  const steps = useMemo(() => data.rows.map((r) => r.step), [data]);
  const domain: [number, number] = [
    Math.min(0, steps[0] ?? 0),
    Math.max(lastStep ?? 0, steps[steps.length - 1] ?? 0, 1),
  ];
  const shown = useMemo(() => series.filter((s) => data.keys.includes(s.key)), [series, data]);
  const legend = useMemo<LegendEntry[]>(() => {
    const rowAt = new Map<number, Row>(data.rows.map((r) => [r.step, r]));
    return shown.map((s) => ({
      key: s.key,
      label: s.label,
      colour: s.colour,
      latest: data.latest[s.key] ?? null,
      at: (step) => rowAt.get(step)?.[s.key] ?? null,
    }));
  }, [data, shown]);
  return (
    <PlotFrame label={label} steps={steps} domain={domain} legend={legend} unit={unit}>
      <Drawing
        data={data}
        series={shown}
        share={share}
        unit={unit}
        from={domain[0]}
        to={domain[1]}
      />
    </PlotFrame>
  );
}

interface DrawingProps {
  data: StackData;
  series: readonly StackSeries[];
  share: boolean;
  unit: Unit;
  from: number;
  to: number;
}

const Drawing = memo(function Drawing({ data, series, share, unit, from, to }: DrawingProps) {
  const single = data.rows.length === 1;
  const axis = computeValueAxis(
    data.rows.map((row) => series.reduce((sum, s) => sum + (row[s.key] ?? 0), 0)),
    share ? "share" : "positive",
  );
  return (
    <AreaChart
      data={data.rows}
      responsive
      style={{ width: "100%", height: PLOT_HEIGHT }}
      margin={{ top: PLOT.top, right: PLOT.right, bottom: 0, left: 0 }}
      accessibilityLayer={false}
    >
      <CartesianGrid stroke="var(--grid)" vertical={false} />
      <XAxis
        dataKey="step"
        type="number"
        domain={[from, to]}
        ticks={computeStepTicks(from, to)}
        height={PLOT.bottom}
        tickFormatter={formatInteger}
        {...AXIS}
      />
      <YAxis
        domain={axis.domain}
        ticks={axis.ticks}
        width={PLOT.left}
        tickFormatter={(v: number) => formatTick(unit, v, axis.stride)}
        interval={0}
        {...AXIS}
      />
      {series.map((s) => (
        <Area
          key={s.key}
          dataKey={s.key}
          stackId="all"
          stroke={s.colour}
          strokeWidth={1}
          fill={s.colour}
          fillOpacity={0.55}
          dot={single ? { r: 3, fill: s.colour } : false}
          activeDot={false}
          isAnimationActive={false}
        />
      ))}
    </AreaChart>
  );
});
