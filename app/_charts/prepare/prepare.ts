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
  /** How many runs have a value here, of a mean of runs. */
  n?: number;
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
  const { step, value, min = value, max = value, band, count = 1, n } = point;
  const [low, high] = band ?? [min, max];
  return [{ x, step, value, smoothed: value, low, high, count, n }];
}

/** What a series says at a place of the axis. */
export interface Reading {
  value: number;
  smoothed: number;
  /** How many runs the mean is over; absent: it is a value of one run. */
  n?: number;
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
  const { value, smoothed, step, n } = point;
  return { value, smoothed, n, carriedFrom: isHere ? null : step };
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

/** A place of a stack with the heights of its parts. */
export interface StackRow {
  /** The last step that it stands for. */
  step: number;
  /** How many reported points of its densest part it stands for. */
  count: number;
  /** By series; a part without a value took no share. */
  values: Readonly<Record<string, number>>;
}

export interface StackData {
  rows: StackRow[];
  /** Series with any value, in the order given: the order of the stack. */
  keys: string[];
}

/** A point with the steps that it stands for: those after `after`, up to its own. */
interface Bucket {
  after: number;
  step: number;
  value: number;
  count: number;
}

/**
 * Points of a part with what they stand for: a single one for its step, one of several for all since the point before,
 * and so does the first in full resolution, as the point of the whole that reached over it gave way.
 */
function toBuckets({ points: whole, detail: fine = [] }: SeriesInput): Bucket[] {
  const detail = sortPoints(fine);
  const points = mergeDetail(sortPoints(whole), detail);
  const cadence = computeCadence(points.map(({ step }) => step));
  const isSingle = ({ step, count = 1 }: Point): boolean => count === 1 && step !== detail[0]?.step;
  return points.map((point, i) => {
    const { step, value, count = 1 } = point;
    const after = isSingle(point) ? step - 1 : (points[i - 1]?.step ?? step - cadence);
    // Of a bucket that the detail cuts only the rest counts.
    return { after, step, value, count: Math.min(count, step - after) };
  });
}

const countPoints = (buckets: readonly Bucket[]): number =>
  buckets.reduce((sum, { count }) => sum + count, 0);

/**
 * The steps that the rows of a stack stand for: those of the part with most reported points, and single ones where that
 * part has none.
 */
function listStackSpans(parts: readonly (readonly Bucket[])[]): { after: number; step: number }[] {
  const densest = parts.reduce((most, part) => {
    const more = countPoints(part) - countPoints(most);
    return more > 0 || (more === 0 && part.length > most.length) ? part : most;
  });
  const ends = densest.map(({ step }) => step);
  const isCovered = (step: number): boolean =>
    (densest[findFirstAtLeast(ends, step)]?.after ?? step) < step;
  const others = parts.flatMap((part) => part.map(({ step }) => step));
  const single = [...new Set(others)].filter((step) => !isCovered(step));
  return [...densest, ...single.map((step) => ({ after: step - 1, step }))].sort(
    (a, b) => a.step - b.step,
  );
}

/** Sum and number of a part's reported values in each span; a bucket that reaches over several is divided by steps. */
function sumInSpans(
  buckets: readonly Bucket[],
  spans: readonly { after: number; step: number }[],
): { sum: number; count: number }[] {
  const ends = spans.map(({ step }) => step);
  const sums = spans.map(() => ({ sum: 0, count: 0 }));
  for (const { after, step, value, count } of buckets) {
    const first = findFirstAtLeast(ends, after + 1);
    const shares: number[] = [];
    for (let i = first; i < spans.length && spans[i]!.after < step; i++)
      shares.push(Math.min(step, spans[i]!.step) - Math.max(after, spans[i]!.after));
    const all = shares.reduce((sum, share) => sum + share, 0);
    for (const [i, share] of shares.entries()) {
      const into = sums[first + i]!;
      into.sum += (value * count * share) / all;
      into.count += (count * share) / all;
    }
  }
  return sums;
}

/**
 * Rows of a stack, all parts at the same places: where the part with most reported points stands for several steps, the
 * others are their means over the same steps. With `missing: "zero"` a part took no share of a step that it was not
 * reported at (a phase that did not happen); with `missing: "drop"` a row that any part is missing at is left out,
 * because its sum would be wrong.
 */
export function prepareStack(inputs: readonly SeriesInput[], missing: "zero" | "drop"): StackData {
  const present = inputs
    .map((input) => ({ key: input.key, buckets: toBuckets(input) }))
    .filter(({ buckets }) => buckets.length > 0);
  const keys = present.map(({ key }) => key);
  if (present.length === 0) return { rows: [], keys };
  const spans = listStackSpans(present.map(({ buckets }) => buckets));
  const parts = present.map(({ key, buckets }) => ({ key, sums: sumInSpans(buckets, spans) }));
  const rows = spans.flatMap(({ step }, i): StackRow[] => {
    const there = parts.map(({ sums }) => sums[i]!);
    if (missing === "drop" && there.some(({ count }) => count === 0)) return [];
    const count = Math.max(...there.map((part) => part.count));
    const values = parts.map(({ key, sums }) => {
      const own = sums[i]!;
      return [key, own.sum / (missing === "drop" ? own.count : count)] as const;
    });
    return [{ step, count: Math.max(1, Math.round(count)), values: Object.fromEntries(values) }];
  });
  return { rows, keys };
}

/**
 * The parts of a stack as lines that lie on each other: `low` and `high` are the ends of a part, `value` its height.
 */
export function placeStack({ rows, keys }: StackData, track: Track | null): PlacedLine[] {
  const sums = rows.map(() => 0);
  return keys.map((key) => {
    const points = rows.flatMap(({ step, count, values }, i): PlacedPoint[] => {
      const x = findX(track, step);
      const value = values[key]!;
      const low = sums[i]!;
      sums[i] = low + value;
      return x === null ? [] : [{ x, step, value, smoothed: value, low, high: low + value, count }];
    });
    const unplaced = rows.length - points.length;
    return { key, points, xs: points.map(({ x }) => x), parts: [points], hasBand: true, unplaced };
  });
}
