"use client";
import { memo, useMemo } from "react";
import {
  CartesianGrid,
  Line,
  LineChart,
  ReferenceArea,
  ReferenceLine,
  XAxis,
  YAxis,
} from "recharts";
import { formatInteger } from "@/app/_lib/format";
import type { ChartMark } from "./marks";
import { PLOT, PLOT_HEIGHT, PlotFrame, type LegendEntry } from "./plot-frame";
import {
  prepareLines,
  computeStepTicks,
  computeValueAxis,
  type LineData,
  type Row,
  type Scale,
  type SeriesInput,
} from "./prepare";
import { formatTick, type Unit } from "./units";

export interface LineSeries extends SeriesInput {
  colour: string;
  dashed?: boolean;
  /** Draws every point: for series measured now and then. */
  dots?: boolean;
}

export interface LinePlotProps {
  label: string;
  series: readonly LineSeries[];
  scale: Scale;
  unit: Unit;
  /** Last step of the axis where it is known before the points arrive. */
  lastStep?: number;
  marks?: readonly ChartMark[];
}

const NO_MARKS: readonly ChartMark[] = [];

export const AXIS = {
  stroke: "var(--muted-foreground)",
  tickLine: false,
  axisLine: false,
  tick: { fontSize: 10, fill: "var(--muted-foreground)" },
} as const;

export function LinePlot({
  label,
  series,
  scale,
  unit,
  lastStep,
  marks = NO_MARKS,
}: LinePlotProps) {
  const data = useMemo(() => prepareLines(series), [series]);
  const steps = useMemo(() => data.rows.map((r) => r.step), [data]);
  const domain: [number, number] = [
    Math.min(0, steps[0] ?? 0),
    Math.max(lastStep ?? 0, steps[steps.length - 1] ?? 0, 1),
  ];
  const legend = useMemo<LegendEntry[]>(() => {
    const rowAt = new Map<number, Row>(data.rows.map((r) => [r.step, r]));
    return series.map((s) => {
      const columns = data.segments.filter((g) => g.series === s.key).map((g) => g.column);
      return {
        key: s.key,
        label: s.label,
        colour: s.colour,
        dashed: s.dashed,
        latest: data.latest[s.key] ?? null,
        at: (step) =>
          columns.map((c) => rowAt.get(step)?.[c] ?? null).find((v) => v !== null) ?? null,
      };
    });
  }, [data, series]);
  return (
    <PlotFrame label={label} steps={steps} domain={domain} legend={legend} unit={unit}>
      <Drawing
        data={data}
        series={series}
        scale={scale}
        unit={unit}
        from={domain[0]}
        to={domain[1]}
        last={steps[steps.length - 1] ?? 0}
        marks={marks}
      />
    </PlotFrame>
  );
}

interface DrawingProps {
  data: LineData;
  series: readonly LineSeries[];
  scale: Scale;
  unit: Unit;
  from: number;
  to: number;
  /** Last step with a point: a mark that is open ends there. */
  last: number;
  marks: readonly ChartMark[];
}

const Drawing = memo(function Drawing({
  data,
  series,
  scale,
  unit,
  from,
  to,
  last,
  marks,
}: DrawingProps) {
  const values = data.rows.flatMap((row) =>
    data.segments
      .map((s) => row[s.column])
      .filter((v): v is number => v !== null && v !== undefined),
  );
  const axis = computeValueAxis(values, scale);
  const style = new Map(series.map((s) => [s.key, s]));
  return (
    <LineChart
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
      {marks.map((mark) => (
        <ReferenceArea
          key={`area ${mark.name} ${mark.from}`}
          x1={mark.from}
          x2={Math.max(mark.from, mark.to ?? last)}
          fill="var(--warn)"
          fillOpacity={0.12}
          stroke="none"
        />
      ))}
      {marks.map((mark) => (
        <ReferenceLine
          key={`line ${mark.name} ${mark.from}`}
          x={mark.from}
          stroke="var(--warn)"
          strokeWidth={1.25}
          strokeDasharray="3 3"
        />
      ))}
      {data.segments.map(({ column, series: key }) => {
        const s = style.get(key);
        if (!s) return null;
        const dot =
          s.dots || data.isolated.has(column) ? { r: 2.5, fill: s.colour, strokeWidth: 0 } : false;
        return (
          <Line
            key={column}
            dataKey={column}
            stroke={s.colour}
            strokeWidth={1.75}
            strokeDasharray={s.dashed ? "4 3" : undefined}
            dot={dot}
            activeDot={false}
            connectNulls
            isAnimationActive={false}
          />
        );
      })}
    </LineChart>
  );
});
