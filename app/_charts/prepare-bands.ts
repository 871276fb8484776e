import { computeCadence } from "./prepare";

/** A curve with its band: pure preparation, as in prepare.ts. */

interface BandPoint {
  step: number;
  mean: number;
  low: number | null;
  high: number | null;
  n: number;
  /** Differs from the point before where the mean is of other runs. */
  stretch: number;
}

export interface BandInput {
  key: string;
  points: readonly BandPoint[];
}

/** One row a step: a mean by its column, a band by `bandColumn` of it. */
type BandRow = { step: number } & Record<string, number | [number, number] | null>;

export interface BandData {
  rows: BandRow[];
  /** A curve is drawn as one line for each stretch of the same runs without a gap. */
  segments: { column: string; series: string; hasBand: boolean }[];
  /** Segments of one point: a line would not show them. */
  isolated: Set<string>;
  /** All ends and means: what the value axis must hold. */
  values: number[];
}

/** Column of the band that belongs to a mean's column. */
export const getBandColumn = (column: string): string => `${column} band`;

/**
 * Cuts each curve where its mean is of other runs, or where two neighbours are more than twice the usual distance apart.
 */
export function prepareBands(inputs: readonly BandInput[]): BandData {
  const rows = new Map<number, BandRow>();
  const segments: BandData["segments"] = [];
  const lonely = new Set<string>();
  const values: number[] = [];
  for (const { key, points } of inputs) {
    const limit = 2 * computeCadence(points.map(({ step, mean }) => ({ step, value: mean })));
    const parts: BandPoint[][] = [];
    for (const [i, point] of points.entries()) {
      const previous = points[i - 1];
      if (!previous || previous.stretch !== point.stretch || point.step - previous.step > limit)
        parts.push([]);
      parts[parts.length - 1]!.push(point);
    }
    for (const [i, part] of parts.entries()) {
      const column = `${key}#${i}`;
      segments.push({ column, series: key, hasBand: part.some((point) => point.low !== null) });
      if (part.length === 1) lonely.add(column);
      for (const { step, mean, low, high } of part) {
        const row = rows.get(step) ?? { step };
        row[column] = mean;
        row[getBandColumn(column)] = low === null || high === null ? null : [low, high];
        rows.set(step, row);
        values.push(mean, ...(low === null || high === null ? [] : [low, high]));
      }
    }
  }
  const ordered = [...rows.values()].sort((a, b) => a.step - b.step);
  for (const row of ordered)
    for (const { column } of segments) {
      row[column] ??= null;
      row[getBandColumn(column)] ??= null;
    }
  return { rows: ordered, segments, isolated: lonely, values };
}
