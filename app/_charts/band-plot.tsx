"use client";
import { memo, useMemo } from "react";
import { Area, CartesianGrid, ComposedChart, Line, XAxis, YAxis } from "recharts";
import { formatInteger } from "@/app/_lib/format";
import { AXIS } from "./line-plot";
import { PLOT, PlotFrame, PLOT_HEIGHT, type LegendEntry } from "./plot-frame";
import { computeStepTicks, computeValueAxis, type Scale } from "./prepare";
import { getBandColumn, prepareBands, type BandData, type BandInput } from "./prepare-bands";
import { formatTick, type Unit } from "./units";

export interface BandSeries extends BandInput {
  label: string;
  colour: string;
  dashed?: boolean;
}

/** Curves with the interval of their mean as a band; where the runs behind a curve change, it breaks. */
export function BandPlot({
  label,
  series,
  scale,
  unit,
}: {
  label: string;
  series: readonly BandSeries[];
  scale: Scale;
  unit: Unit;
}) {
  const data = useMemo(() => prepareBands(series), [series]);
  const steps = useMemo(() => data.rows.map((row) => row.step), [data]);
  const domain: [number, number] = [
    Math.min(0, steps[0] ?? 0),
    Math.max(steps[steps.length - 1] ?? 0, 1),
  ];
  const legend = useMemo<LegendEntry[]>(
    () =>
      series.map((s) => {
        const byStep = new Map(s.points.map((point) => [point.step, point.mean]));
        return {
          key: s.key,
          label: s.label,
          colour: s.colour,
          dashed: s.dashed,
          latest: s.points[s.points.length - 1]?.mean ?? null,
          at: (step) => byStep.get(step) ?? null,
        };
      }),
    [series],
  );
  return (
    <PlotFrame label={label} steps={steps} domain={domain} legend={legend} unit={unit}>
      <Drawing
        data={data}
        series={series}
        scale={scale}
        unit={unit}
        from={domain[0]}
        to={domain[1]}
      />
    </PlotFrame>
  );
}

interface DrawingProps {
  data: BandData;
  series: readonly BandSeries[];
  scale: Scale;
  unit: Unit;
  from: number;
  to: number;
}

const Drawing = memo(function Drawing({ data, series, scale, unit, from, to }: DrawingProps) {
  const axis = computeValueAxis(data.values, scale);
  const style = new Map(series.map((s) => [s.key, s]));
  const drawn = data.segments.flatMap((segment) => {
    const s = style.get(segment.series);
    return s ? [{ ...segment, s }] : [];
  });
  return (
    <ComposedChart
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
      {drawn.map(({ column, hasBand, s }) =>
        hasBand ? (
          <Area
            key={getBandColumn(column)}
            dataKey={getBandColumn(column)}
            stroke="none"
            fill={s.colour}
            fillOpacity={0.16}
            dot={false}
            activeDot={false}
            connectNulls
            isAnimationActive={false}
          />
        ) : null,
      )}
      {drawn.map(({ column, s }) => (
        <Line
          key={column}
          dataKey={column}
          stroke={s.colour}
          strokeWidth={1.75}
          strokeDasharray={s.dashed ? "4 3" : undefined}
          dot={data.isolated.has(column) ? { r: 2.5, fill: s.colour, strokeWidth: 0 } : false}
          activeDot={false}
          connectNulls
          isAnimationActive={false}
        />
      ))}
    </ComposedChart>
  );
});
