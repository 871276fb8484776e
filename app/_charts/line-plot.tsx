"use client";
import { memo, useMemo } from "react";
import { Area, ComposedChart, Line, ReferenceArea, ReferenceLine } from "recharts";
import type { ChartMark } from "./marks";
import { PLOT_PROPS, PlotAxes } from "./plot-axes";
import { PlotFrame, type LegendEntry } from "./plot-frame";
import { computeStepDomain, computeValueAxis, type Scale } from "./axes";
import {
  findLineValue,
  getBandColumn,
  listLineValues,
  prepareLines,
  type LineData,
  type SeriesInput,
} from "./prepare";
import type { Unit } from "./units";

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

/** Curves over the steps, with their intervals as bands. A gap in a series is drawn as a gap. */
export function LinePlot({
  label,
  series,
  scale,
  unit,
  lastStep,
  marks = NO_MARKS,
}: LinePlotProps) {
  const data = useMemo(() => prepareLines(series), [series]);
  const steps = useMemo(() => data.rows.map((row) => row.step), [data]);
  const [from, to] = computeStepDomain(steps, lastStep);
  const legend = useMemo(
    () =>
      series.map(({ key, label, colour, dashed }): LegendEntry => ({
        key,
        label,
        colour,
        dashed,
        latest: data.latest[key] ?? null,
        at: (step) => findLineValue(data, key, step),
      })),
    [data, series],
  );
  return (
    <PlotFrame label={label} steps={steps} domain={[from, to]} legend={legend} unit={unit}>
      <Drawing
        data={data}
        series={series}
        scale={scale}
        unit={unit}
        from={from}
        to={to}
        lastPoint={steps.at(-1) ?? 0}
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
  /** Last step with a point: an open mark ends there. */
  lastPoint: number;
  marks: readonly ChartMark[];
}

const Drawing = memo(function Drawing({
  data,
  series,
  scale,
  unit,
  from,
  to,
  lastPoint,
  marks,
}: DrawingProps) {
  const axis = computeValueAxis(listLineValues(data), scale);
  const style = new Map(series.map((s) => [s.key, s]));
  return (
    <ComposedChart data={data.rows} {...PLOT_PROPS}>
      <PlotAxes domain={[from, to]} axis={axis} unit={unit} />
      {marks.map((mark) => (
        <ReferenceArea
          key={`area ${mark.name} ${mark.from}`}
          x1={mark.from}
          x2={Math.max(mark.from, mark.to ?? lastPoint)}
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
      {data.segments.map(({ column, series: key, hasBand }) =>
        hasBand ? (
          <Area
            key={getBandColumn(column)}
            dataKey={getBandColumn(column)}
            stroke="none"
            fill={style.get(key)?.colour}
            fillOpacity={0.16}
            dot={false}
            activeDot={false}
            connectNulls
            isAnimationActive={false}
          />
        ) : null,
      )}
      {data.segments.map(({ column, series: key }) => {
        const s = style.get(key);
        return s ? (
          <Line
            key={column}
            dataKey={column}
            stroke={s.colour}
            strokeWidth={1.75}
            strokeDasharray={s.dashed ? "4 3" : undefined}
            dot={
              s.dots || data.isolated.has(column)
                ? { r: 2.5, fill: s.colour, strokeWidth: 0 }
                : false
            }
            activeDot={false}
            connectNulls
            isAnimationActive={false}
          />
        ) : null;
      })}
    </ComposedChart>
  );
});
