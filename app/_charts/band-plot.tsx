"use client";
import { memo, useMemo } from "react";
import { Area, ComposedChart, Line } from "recharts";
import { PLOT_PROPS, PlotAxes } from "./plot-axes";
import { PlotFrame, type LegendEntry } from "./plot-frame";
import { computeStepDomain, computeValueAxis, type Scale } from "./axes";
import { getBandColumn, prepareBands, type BandData, type BandInput } from "./prepare-bands";
import type { Unit } from "./units";

export interface BandSeries extends BandInput {
  label: string;
  colour: string;
  dashed?: boolean;
}

/** Mean curves with their interval as a band. A curve breaks where the runs behind it change. */
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
  const [from, to] = computeStepDomain(steps);
  const legend = useMemo(
    () =>
      series.map(({ key, label, colour, dashed, points }): LegendEntry => {
        const means = new Map(points.map((point) => [point.step, point.mean]));
        return {
          key,
          label,
          colour,
          dashed,
          latest: points.at(-1)?.mean ?? null,
          at: (step) => means.get(step) ?? null,
        };
      }),
    [series],
  );
  return (
    <PlotFrame label={label} steps={steps} domain={[from, to]} legend={legend} unit={unit}>
      <Drawing data={data} series={series} scale={scale} unit={unit} from={from} to={to} />
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
  const segments = data.segments.flatMap((segment) => {
    const s = style.get(segment.series);
    return s ? [{ ...segment, s }] : [];
  });
  return (
    <ComposedChart data={data.rows} {...PLOT_PROPS}>
      <PlotAxes domain={[from, to]} axis={axis} unit={unit} />
      {segments.map(({ column, hasBand, s }) =>
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
      {segments.map(({ column, s }) => (
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
