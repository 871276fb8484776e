"use client";
import { memo, useId, useMemo } from "react";
import {
  CartesianGrid,
  ComposedChart,
  ReferenceArea,
  ReferenceLine,
  usePlotArea,
  XAxis,
  YAxis,
} from "recharts";
import { formatXTick, toShare } from "@/app/_charts/prepare/axes";
import type { ChartMarker } from "@/app/_charts/prepare/marks";
import { buildPath, listDots, type Box } from "@/app/_charts/prepare/paths";
import { PLOT } from "./plot-size";
import type { MarkerKind } from "@/app/_charts/prepare/settings";
import { formatTick, type Unit } from "@/app/_charts/prepare/units";
import type { Layer, PlotView } from "@/app/_charts/prepare/view";
import { findX, type Track, type XKind } from "@/app/_charts/prepare/x-axis";

/** A value to compare with, as a line over the whole width. */
export interface ReferenceValue {
  label: string;
  value: number;
  /** What it is, in words, where the label is too short for that: said below the chart. */
  note?: string;
}

interface PlotDrawingProps {
  view: PlotView;
  xKind: XKind;
  track: Track | null;
  unit: Unit;
  markers: readonly ChartMarker[];
  references: readonly ReferenceValue[];
}

const AXIS = {
  stroke: "var(--muted-foreground)",
  tickLine: false,
  axisLine: false,
  allowDataOverflow: true,
  tick: { fontSize: 10, fill: "var(--muted-foreground)" },
} as const;

const REFERENCE_LABEL = {
  position: "insideBottomLeft",
  fontSize: 9,
  fill: "currentColor",
} as const;

/** What a plot shows, drawn. It is loaded after the page, as recharts is large. */
const PlotDrawing = memo(function PlotDrawing({
  view,
  xKind,
  track,
  unit,
  markers,
  references,
}: PlotDrawingProps) {
  const { x, y } = view;
  // Recharts needs rows to make an axis; the curves bring their own points.
  const ends = useMemo(() => x.domain.map((end) => ({ x: end })), [x]);
  return (
    <ComposedChart
      data={ends}
      responsive
      style={{ width: "100%", height: "100%" }}
      margin={{ top: PLOT.top, right: PLOT.right, bottom: 0, left: 0 }}
      accessibilityLayer={false}
    >
      <CartesianGrid stroke="var(--grid)" vertical={false} />
      <XAxis
        dataKey="x"
        type="number"
        scale={x.log ? "log" : "linear"}
        domain={[...x.domain]}
        ticks={[...x.ticks]}
        height={PLOT.bottom}
        tickFormatter={(value: number) => formatXTick(xKind, value)}
        {...AXIS}
      />
      <YAxis
        type="number"
        scale={y.log ? "log" : "linear"}
        domain={[...y.domain]}
        ticks={[...y.ticks]}
        width={PLOT.left}
        tickFormatter={(value: number) => formatTick(unit, value, y.stride)}
        interval={0}
        {...AXIS}
      />
      <Markers markers={markers} track={track} view={view} />
      <Curves view={view} />
      {references.map(({ label, note, value }) => (
        <ReferenceLine
          key={note ?? label}
          y={value}
          stroke="var(--foreground)"
          strokeOpacity={0.55}
          strokeDasharray="1 3"
          label={{ value: label, ...REFERENCE_LABEL }}
        />
      ))}
    </ComposedChart>
  );
});
export default PlotDrawing;

/**
 * The layers as paths. Recharts' own lines make an object of every row for every series: with ten runs of 500 points,
 * each at steps of its own, that takes longer than a frame.
 */
function Curves({ view: { layers, x, y } }: { view: PlotView }) {
  const box = usePlotArea();
  const clip = useId();
  if (!box) return null;
  return (
    <>
      <clipPath id={clip}>
        <rect x={box.x - 3} y={box.y - 3} width={box.width + 6} height={box.height + 6} />
      </clipPath>
      <g clipPath={`url(#${clip})`}>
        {layers.map((layer) => (
          <Curve
            key={`${layer.key} ${layer.kind} ${layer.isFaint}`}
            layer={layer}
            path={buildPath(layer, box, x, y)}
            dots={layer.kind === "line" && !layer.isFaint ? listDots(layer, box, x, y) : []}
          />
        ))}
      </g>
    </>
  );
}

interface CurveProps {
  layer: Layer;
  path: string;
  dots: readonly { cx: number; cy: number }[];
}

function Curve({ layer: { key, kind, style, isFaint }, path, dots }: CurveProps) {
  const hatch = useId();
  if (kind === "area")
    return (
      <>
        <path
          d={path}
          fill={style.colour}
          fillOpacity={isFaint ? 0.2 : 0.75}
          stroke={isFaint ? "none" : style.colour}
          data-area={key}
        />
        {!isFaint && style.dashed ? (
          <>
            <pattern id={hatch} width="6" height="6" patternUnits="userSpaceOnUse">
              <path d="M0,6L6,0" stroke="var(--card)" strokeWidth="2" />
            </pattern>
            <path d={path} fill={`url(#${hatch})`} />
          </>
        ) : null}
      </>
    );
  const dash = style.dashed === true ? "4 3" : style.dashed || undefined;
  return (
    <>
      <path
        d={path}
        fill="none"
        stroke={style.colour}
        strokeWidth={isFaint ? 1 : 1.75}
        strokeOpacity={isFaint ? 0.35 : 1}
        strokeDasharray={isFaint ? undefined : dash}
        strokeLinejoin="round"
        data-curve={isFaint ? undefined : key}
        data-raw={isFaint ? key : undefined}
      />
      {dots.map(({ cx, cy }) => (
        <circle key={cx} cx={cx} cy={cy} r={2.5} fill={style.colour} />
      ))}
    </>
  );
}

/** Marks of single steps, at the foot of the plot: a triangle of a checkpoint, a stroke of an evaluation. */
const GLYPHS: Partial<Record<MarkerKind, (x: number, y: number) => string>> = {
  checkpoint: (x, y) => `M${x - 3},${y}h6l-3,-5z`,
  evaluation: (x, y) => `M${x - 0.75},${y}h1.5v-5h-1.5z`,
};

interface MarkersProps {
  markers: readonly ChartMarker[];
  track: Track | null;
  view: PlotView;
}

function Markers({ markers, track, view: { x, xs } }: MarkersProps) {
  const box = usePlotArea();
  const place = (step: number): number | null => {
    const at = findX(track, step);
    return at === null || at < x.domain[0] || at > x.domain[1] ? null : at;
  };
  const spans = markers.filter(({ kind }) => kind === "alarm" || kind === "restart");
  return (
    <>
      {spans.map(({ kind, title, from, to }) => {
        const start = findX(track, from);
        const end = to === null ? (xs.at(-1) ?? null) : findX(track, to);
        if (start === null || end === null || from === to) return null;
        return (
          <ReferenceArea
            key={`area ${kind} ${title} ${from}`}
            x1={Math.max(start, x.domain[0])}
            x2={Math.min(Math.max(start, end), x.domain[1])}
            fill="var(--warn)"
            fillOpacity={0.12}
            stroke="none"
          />
        );
      })}
      {spans.map(({ kind, title, from }) => {
        const at = place(from);
        return at === null ? null : (
          <ReferenceLine
            key={`line ${kind} ${title} ${from}`}
            x={at}
            stroke={kind === "alarm" ? "var(--warn)" : "var(--muted-foreground)"}
            strokeWidth={1.25}
            strokeDasharray="3 3"
          />
        );
      })}
      {box ? <Glyphs markers={markers} place={place} box={box} x={x} /> : null}
    </>
  );
}

interface GlyphsProps {
  markers: readonly ChartMarker[];
  place: (step: number) => number | null;
  box: Box;
  x: PlotView["x"];
}

function Glyphs({ markers, place, box, x }: GlyphsProps) {
  return Object.entries(GLYPHS).map(([kind, draw]) => {
    const path = markers
      .filter((marker) => marker.kind === kind)
      .flatMap(({ from }) => place(from) ?? [])
      .map((at) => draw(box.x + toShare(x, at) * box.width, box.y + box.height))
      .join("");
    return path ? (
      <path key={kind} d={path} fill="var(--muted-foreground)" data-markers={kind} />
    ) : null;
  });
}
