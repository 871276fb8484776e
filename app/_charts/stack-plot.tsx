"use client";
import { memo, useMemo } from "react";
import { Area, AreaChart } from "recharts";
import { PLOT_PROPS, PlotAxes } from "./plot-axes";
import { PlotFrame, type LegendEntry } from "./plot-frame";
import { computeStepDomain, computeValueAxis } from "./axes";
import { prepareStack, sumStackRows, type SeriesInput, type StackData } from "./prepare";
import type { Unit } from "./units";

interface StackSeries extends SeriesInput {
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
  const steps = useMemo(() => data.rows.map((row) => row.step), [data]);
  const [from, to] = computeStepDomain(steps, lastStep);
  const shown = useMemo(() => series.filter((s) => data.keys.includes(s.key)), [series, data]);
  const legend = useMemo(() => {
    const rows = new Map(data.rows.map((row) => [row.step, row]));
    return shown.map(({ key, label, colour }): LegendEntry => ({
      key,
      label,
      colour,
      latest: data.latest[key] ?? null,
      at: (step) => rows.get(step)?.[key] ?? null,
    }));
  }, [data, shown]);
  return (
    <PlotFrame label={label} steps={steps} domain={[from, to]} legend={legend} unit={unit}>
      <Drawing data={data} series={shown} share={share} unit={unit} from={from} to={to} />
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
  const axis = computeValueAxis(sumStackRows(data), share ? "share" : "positive");
  return (
    <AreaChart data={data.rows} {...PLOT_PROPS}>
      <PlotAxes domain={[from, to]} axis={axis} unit={unit} />
      {series.map((s) => (
        <Area
          key={s.key}
          dataKey={s.key}
          stackId="all"
          stroke={s.colour}
          strokeWidth={1}
          fill={s.colour}
          fillOpacity={0.55}
          dot={data.rows.length === 1 ? { r: 3, fill: s.colour } : false}
          activeDot={false}
          isAnimationActive={false}
        />
      ))}
    </AreaChart>
  );
});
