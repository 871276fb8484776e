import type { Text } from "@/app/_i18n/format-text";
import { formatInteger } from "@/app/_lib/format/format";
import {
  computeLogAxis,
  computeValueAxis,
  computeXAxis,
  computeXDomain,
  trimOutliers,
  type Axis,
  type Scale,
  type ValueAxis,
} from "./axes";
import { cutPart, type PlacedLine, type PlacedPoint, type SeriesInput } from "./prepare";
import type { ChartSettings, Zoom } from "./settings";
import type { XKind } from "./x-axis";

/** What a plot shows of its placed lines: axes, layers to draw, and what is left out. Pure. */

/** How a series is drawn. */
export interface SeriesStyle {
  key: string;
  label: string;
  colour: string;
  /** Pattern of a dashed line, as SVG writes it; true: the usual one. A part of a stack is hatched. */
  dashed?: boolean | string;
  /** Draws every point: for series measured now and then. */
  dots?: boolean;
}

/** A series of a plot: its points, and how they are drawn. */
export type LineSeries = SeriesInput & SeriesStyle;

export interface Layer {
  key: string;
  kind: "area" | "line";
  /** Parts without a gap. Of a line low and high are equal. */
  parts: readonly (readonly { x: number; low: number; high: number }[])[];
  style: SeriesStyle;
  /** Drawn in the background: raw values behind smoothed ones, extremes, intervals. */
  isFaint: boolean;
}

export interface PlotView {
  x: Axis;
  /** Ends of the horizontal axis without a zoom. */
  whole: readonly [number, number];
  y: ValueAxis;
  layers: Layer[];
  /** Places of points in sight, ascending: where the pointer stops. */
  xs: number[];
  /** What the axes leave out, in words. */
  notes: string[];
}

export interface ViewRequest {
  lines: readonly PlacedLine[];
  styles: readonly SeriesStyle[];
  /** "stack": the lines are parts that lie on each other. */
  kind: "lines" | "stack";
  scale: Scale;
  settings: Pick<ChartSettings, "smoothing" | "logX" | "logY" | "clip">;
  xKind: XKind;
  zoom: Zoom | null;
  /** Last place of the axis where it is known before the points arrive. */
  lastX?: number;
  /** Values of reference lines: the axis holds them. */
  references: readonly number[];
}

const isOutside = ({ low, high }: PlacedPoint, [from, to]: readonly [number, number]): boolean =>
  low < from || high > to;

const listXs = (lines: readonly PlacedLine[]): number[] =>
  lines.length === 1
    ? lines[0]!.xs
    : [...new Set(lines.flatMap(({ xs }) => xs))].sort((a, b) => a - b);

function buildLayers(
  lines: readonly PlacedLine[],
  { styles, kind, settings }: ViewRequest,
): Layer[] {
  const byKey = new Map(styles.map((style) => [style.key, style]));
  return lines.flatMap((line): Layer[] => {
    const style = byKey.get(line.key);
    if (!style) return [];
    const { key, parts } = line;
    if (kind === "stack") return [{ key, kind: "area", parts, style, isFaint: false }];
    const draw = (value: (point: PlacedPoint) => number): Layer["parts"] =>
      parts.map((part) =>
        part.map((point) => ({ x: point.x, low: value(point), high: value(point) })),
      );
    const isSmooth = settings.smoothing > 0;
    const hasArea = line.points.some(({ low, high }) => low < high);
    return [
      ...(hasArea ? [{ key, kind: "area" as const, parts, style, isFaint: true }] : []),
      ...(isSmooth
        ? [{ key, kind: "line" as const, parts: draw((p) => p.value), style, isFaint: true }]
        : []),
      { key, kind: "line", parts: draw((p) => p.smoothed), style, isFaint: false },
    ];
  });
}

function computeY(points: readonly PlacedPoint[], request: ViewRequest): ValueAxis {
  const { kind, scale, settings, references } = request;
  const values = points.flatMap(({ value, low, high }) =>
    kind === "stack" ? [high] : [value, low, high],
  );
  const kept = settings.clip ? trimOutliers(values) : values;
  const held = [...kept, ...references];
  const log = settings.logY && kind === "lines" ? computeLogAxis(held) : null;
  return log ?? computeValueAxis(held, scale);
}

/** Decides what a plot shows. */
export function buildView(t: Text, request: ViewRequest): PlotView {
  const { lines, settings, zoom, xKind, lastX } = request;
  const all = listXs(lines);
  const whole = computeXDomain(all, lastX);
  const domain = zoom ?? whole;
  const firstPositive = settings.logX ? (all.find((x) => x > 0) ?? null) : null;
  const x = computeXAxis(domain, xKind, firstPositive);
  const cut = lines.map((line) => ({
    ...line,
    points: cutPart(line.points, x.domain),
    parts: line.parts.map((part) => cutPart(part, x.domain)).filter((part) => part.length > 0),
  }));
  const isInside = ({ x: at }: PlacedPoint): boolean => at >= x.domain[0] && at <= x.domain[1];
  const points = cut.flatMap((line) => line.points.filter(isInside));
  const y = computeY(points, request);
  const notes = listNotes(t, points, y, request);
  if (x.log && domain[0] <= 0 && all.some((place) => place <= 0))
    notes.push(t("What is at 0 has no place on a logarithmic axis."));
  return {
    x,
    whole,
    y,
    layers: buildLayers(cut, request),
    xs: all.filter((place) => place >= x.domain[0] && place <= x.domain[1]),
    notes,
  };
}

function listNotes(
  t: Text,
  points: readonly PlacedPoint[],
  y: ValueAxis,
  request: ViewRequest,
): string[] {
  const notes: string[] = [];
  const unplaced = request.lines.reduce((sum, line) => sum + line.unplaced, 0);
  if (unplaced > 0)
    notes.push(
      t("{count, plural, one {# point is} other {# points are}} not placed: not measured there.", {
        count: unplaced,
      }),
    );
  const below = y.log ? points.filter(({ value }) => value <= 0).length : 0;
  if (below > 0)
    notes.push(
      t(
        "{count, plural, one {# point is} other {# points are}} at 0 or below: not on a logarithmic axis.",
        { count: below },
      ),
    );
  const outside = request.settings.clip
    ? points.filter((point) => point.value > (y.log ? 0 : -Infinity) && isOutside(point, y.domain))
        .length
    : 0;
  if (outside > 0)
    notes.push(
      t(
        "{count, plural, one {# point is} other {# points are}} outside of this axis, of {total}.",
        { count: outside, total: formatInteger(points.length) },
      ),
    );
  return notes;
}
