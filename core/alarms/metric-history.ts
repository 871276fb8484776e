import { computeMedian } from "@/core/statistics/summary";
import type { Measured } from "@/contracts/records/alarms";

/** Values of step metrics by name, each in the order of its steps. */
export type MetricHistory = Readonly<Record<string, readonly Point[]>>;
/** Value of a metric after a step. */
export interface Point {
  step: number;
  value: number;
}

/** Points kept of a series: its beginning, which later values are compared with, and its end. */
const FIRST_POINTS = 32;
const LAST_POINTS = 256;

/** Adds a point. Of a long series the middle is dropped, so that a checkpoint stays small. */
export function appendPoint(points: readonly Point[], point: Point): Point[] {
  const all = [...points, point];
  if (all.length > FIRST_POINTS + LAST_POINTS) all.splice(FIRST_POINTS, 1);
  return all;
}

/** Steps that are represented by their median, so that two of them may be outliers. */
export const WINDOW = 5;

/** The median of neighbouring points, with the steps that they cover; null where there are none. */
export function summarisePoints(points: readonly Point[]): Measured | null {
  const [first, last] = [points[0], points[points.length - 1]];
  return first && last
    ? {
        value: computeMedian(points.map(({ value }) => value)),
        fromStep: first.step,
        toStep: last.step,
      }
    : null;
}

/** The last `size` points; null where there are fewer. */
export const takeLatest = (points: readonly Point[], size = WINDOW): readonly Point[] | null =>
  points.length < size ? null : points.slice(-size);

/** The medians of every window of `size` neighbouring points, the oldest first. */
export const listWindows = (points: readonly Point[], size = WINDOW): Measured[] =>
  Array.from({ length: Math.max(0, points.length - size + 1) }, (_, i) =>
    summarisePoints(points.slice(i, i + size))!,
  );

/** The median of the points between two steps, both included; null where there are fewer than three. */
export function summariseBetween(
  points: readonly Point[],
  fromStep: number,
  toStep: number,
): Measured | null {
  const inside = points.filter(({ step }) => step >= fromStep && step <= toStep);
  return inside.length < 3 ? null : summarisePoints(inside);
}
