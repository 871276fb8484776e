import type { Point } from "./point";
import { smoothValues } from "./smooth";
import { findFirstAtLeast, findX, type Track } from "./x-axis";

/**
 * Pure preparers: they decide what a chart shows, the components only draw. A gap is drawn as a gap; what is left out is
 * counted.
 */

export interface SeriesInput {
  key: string;
  label: string;
  points: readonly Point[];
  /** A part of the points in full resolution. */
  detail?: readonly Point[];
  /** Where its steps stand on the horizontal axis; absent: as those of the page's run. */
  track?: Track | null;
  /** The `step` of its points is a place of the axis: a mean of runs that are at different steps there. */
  isPlaced?: boolean;
}

/** A point where it is drawn. */
export interface PlacedPoint {
  x: number;
  step: number;
  value: number;
  /** The smoothed value; the value itself without smoothing. */
  smoothed: number;
  /** Ends of what is filled around the line: an interval, or the extremes of what the point stands for. */
  low: number;
  high: number;
  /** How many reported points it stands for. */
  count: number;
}

export interface PlacedLine {
  key: string;
  /** Ascending in x. */
  points: PlacedPoint[];
  /** Their places. */
  xs: number[];
  /** The same points in parts without a gap: a line is drawn within a part only. */
  parts: PlacedPoint[][];
  /** What is filled is an interval, not extremes. */
  hasBand: boolean;
  /** Points that have no place on the axis, e.g. reported before it begins. */
  unplaced: number;
  isPlaced?: boolean;
}

/** The usual distance between neighbours of an ascending list: their median; 1 where there are too few to say. */
export function computeCadence(xs: readonly number[]): number {
  const distances = xs.slice(1).map((x, i) => x - xs[i]!);
  if (distances.length === 0) return 1;
  distances.sort((a, b) => a - b);
  return distances[Math.floor(distances.length / 2)]! || 1;
}

/** Sorts by step and keeps the last of two points at the same step (a resumed attempt reports it again). */
function sortPoints(points: readonly Point[]): Point[] {
  const byStep = new Map<number, Point>();
  for (const point of points) if (Number.isFinite(point.value)) byStep.set(point.step, point);
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

/**
 * Points of a whole run, with those of a part of it in full resolution in their place. Points of the whole that reach
 * over an end of the part give way.
 */
export function mergeDetail(whole: readonly Point[], detail: readonly Point[]): readonly Point[] {
  const first = detail[0]?.step;
  const last = detail.at(-1)?.step;
  if (first === undefined || last === undefined) return whole;
  return [
    ...whole.filter(({ step }) => step < first),
    ...detail,
    ...whole.filter(({ step }) => step > last),
  ];
}

/**
 * Cuts a series where two neighbours are more than twice the usual distance apart, as nothing was measured between
 * them, and where its means are of other runs.
 *
 * @param limitAt The longest distance to the point before that is no gap
 */
function splitStretches(points: readonly Point[], limitAt: (step: number) => number): Point[][] {
  const parts: Point[][] = [];
  for (const [i, point] of points.entries()) {
    const previous = points[i - 1];
    const isCut =
      !previous ||
      previous.stretch !== point.stretch ||
      point.step - previous.step > limitAt(point.step);
    if (isCut) parts.push([]);
    parts[parts.length - 1]!.push(point);
  }
  return parts;
}

const computeLimit = (points: readonly Point[]): number =>
  2 * Math.max(1, computeCadence(points.map(({ step }) => step)));

/** How a series is placed. */
export interface LineSettings {
  /** The horizontal axis of the page's run; null: steps. */
  track: Track | null;
  /** See smoothValues; 0: none. */
  smoothing: number;
}

/** Places a series on the horizontal axis and smooths it. */
export function placeLine(input: SeriesInput, { track, smoothing }: LineSettings): PlacedLine {
  const whole = sortPoints(input.points);
  const detail = sortPoints(input.detail ?? []);
  const all = mergeDetail(whole, detail);
  const [limit, fineLimit] = [computeLimit(whole), computeLimit(detail)];
  const isFine = (step: number): boolean =>
    detail.length > 1 && step > detail[0]!.step && step <= detail.at(-1)!.step;
  const own = input.track === undefined ? track : input.track;
  const parts = splitStretches(all, (step) => (isFine(step) ? fineLimit : limit))
    .map((stretch) => stretch.flatMap((point) => placePoint(point, own)))
    .filter((part) => part.length > 0);
  const points = parts.flat();
  // The distance is that of the whole run's points: a curve has the same shape in a part in full resolution.
  const places = whole.flatMap(({ step }) => findX(own, step) ?? []);
  if (smoothing > 0)
    smoothValues(points, smoothing, computeCadence(places)).forEach((value, i) => {
      points[i]!.smoothed = value;
    });
  return {
    key: input.key,
    points,
    xs: points.map(({ x }) => x),
    parts,
    hasBand: all.some(({ band }) => band),
    unplaced: all.length - points.length,
    isPlaced: input.isPlaced,
  };
}

function placePoint(point: Point, track: Track | null): PlacedPoint[] {
  const x = findX(track, point.step);
  if (x === null) return [];
  const { step, value, min = value, max = value, band, count = 1 } = point;
  const [low, high] = band ?? [min, max];
  return [{ x, step, value, smoothed: value, low, high, count }];
}

/** What a series says at a place of the axis. */
export interface Reading {
  value: number;
  smoothed: number;
  /** The step it was measured at, where that is before the place; null: it was measured there. */
  carriedFrom: number | null;
}

/**
 * The value of a series at a place: that of its point there, or of the point that stands for several around it; between
 * points the one before, as carried. Null before the first point, and after the last of a line that is placed.
 */
export function readLine({ points, xs, isPlaced }: PlacedLine, x: number): Reading | null {
  const i = findFirstAtLeast(xs, x);
  const after = points[i];
  if (isPlaced && !after) return null;
  const isHere = after && (after.x === x || ((isPlaced || after.count > 1) && i > 0));
  const point = isHere ? after : points[i - 1];
  if (!point) return null;
  const { value, smoothed, step } = point;
  return { value, smoothed, carriedFrom: isHere ? null : step };
}

/** The points within a part of the axis, and one beyond each end, so that lines reach the ends. */
export function cutPart(
  points: readonly PlacedPoint[],
  [from, to]: readonly [number, number],
): PlacedPoint[] {
  return points.filter(
    ({ x }, i) => (points[i + 1]?.x ?? x) >= from && (points[i - 1]?.x ?? x) <= to,
  );
}

/** One step of a stack; a part without a value took no share. */
export type StackRow = { step: number } & Record<string, number>;

export interface StackData {
  rows: StackRow[];
  /** Series with any value, in the order given: the order of the stack. */
  keys: string[];
}

/**
 * Rows of a stack. With `missing: "zero"` a part that was not reported at a step took no share of it (a phase that did
 * not happen); with `missing: "drop"` a step at which any part is missing is left out, because its sum would be wrong.
 */
export function prepareStack(inputs: readonly SeriesInput[], missing: "zero" | "drop"): StackData {
  const present = inputs
    .map((i) => ({
      key: i.key,
      points: new Map(sortPoints(i.points).map((p) => [p.step, p.value])),
    }))
    .filter((i) => i.points.size > 0);
  const steps = [...new Set(present.flatMap((p) => [...p.points.keys()]))].sort((a, b) => a - b);
  const rows: StackRow[] = [];
  for (const step of steps) {
    if (missing === "drop" && present.some((p) => !p.points.has(step))) continue;
    const row: StackRow = { step };
    for (const p of present) row[p.key] = p.points.get(step) ?? 0;
    rows.push(row);
  }
  return { rows, keys: present.map((p) => p.key) };
}

/**
 * The parts of a stack as lines that lie on each other: `low` and `high` are the ends of a part, `value` its height.
 */
export function placeStack({ rows, keys }: StackData, track: Track | null): PlacedLine[] {
  const sums = rows.map(() => 0);
  return keys.map((key) => {
    const points = rows.flatMap((row, i): PlacedPoint[] => {
      const x = findX(track, row.step);
      const value = row[key]!;
      const low = sums[i]!;
      sums[i] = low + value;
      return x === null
        ? []
        : [{ x, step: row.step, value, smoothed: value, low, high: low + value, count: 1 }];
    });
    const unplaced = rows.length - points.length;
    return { key, points, xs: points.map(({ x }) => x), parts: [points], hasBand: true, unplaced };
  });
}
