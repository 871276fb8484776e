/**
 * Pure preparers: they decide what a chart shows, the components only draw. A gap is null and is drawn as a gap;
 * what is left out is counted.
 */

export interface Point {
  step: number;
  value: number;
  /** Extremes where the point stands for a bucket of several. */
  min?: number;
  max?: number;
  /** Interval around a mean; null where it has none. */
  band?: [number, number] | null;
  /** Differs from the point before where the mean is of other runs: no line is drawn across. */
  stretch?: number;
}

export interface SeriesInput {
  key: string;
  label: string;
  points: readonly Point[];
}

/** One row per step; a series without a value there holds null. */
type Row<V = never> = { step: number } & Record<string, number | V | null>;

interface Segment {
  /** Key of the column in the rows. */
  column: string;
  /** Key of the series that it is a part of. */
  series: string;
  hasBand: boolean;
}

/** Column of the band that belongs to a mean's column. */
export const getBandColumn = (column: string): string => `${column} band`;

export interface LineData {
  rows: Row<[number, number]>[];
  /** A series is drawn as one line per stretch without a gap. */
  segments: Segment[];
  /** Steps that hold the only point of their stretch: a line would not show them. */
  isolated: Set<string>;
  /** Series that were asked for and have no point. */
  empty: string[];
  latest: Record<string, number>;
}

/** The usual distance between neighbouring points: their median; 1 where there are too few to say. */
export function computeCadence(points: readonly Point[]): number {
  const distances = points.slice(1).map((p, i) => p.step - points[i]!.step);
  if (distances.length === 0) return 1;
  distances.sort((a, b) => a - b);
  return Math.max(1, distances[Math.floor(distances.length / 2)]!);
}

/** Sorts by step and keeps the last of two points at the same step (a resumed attempt reports it again). */
function sortPoints(points: readonly Point[]): Point[] {
  const byStep = new Map<number, Point>();
  for (const point of points) if (Number.isFinite(point.value)) byStep.set(point.step, point);
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

/**
 * Cuts a series where two neighbours are more than twice the usual distance apart, as nothing was measured between
 * them, and where its means are of other runs.
 */
export function splitStretches(points: readonly Point[]): Point[][] {
  const limit = 2 * computeCadence(points);
  const parts: Point[][] = [];
  for (const [i, point] of points.entries()) {
    const previous = points[i - 1];
    if (!previous || previous.stretch !== point.stretch || point.step - previous.step > limit)
      parts.push([]);
    parts[parts.length - 1]!.push(point);
  }
  return parts;
}

/** Rows, segments and latest values of line series; a gap in a series ends a segment. */
export function prepareLines(inputs: readonly SeriesInput[]): LineData {
  const rows = new Map<number, LineData["rows"][number]>();
  const segments: Segment[] = [];
  const lonely = new Set<string>();
  const latest: Record<string, number> = {};
  const empty: string[] = [];
  for (const input of inputs) {
    const points = sortPoints(input.points);
    if (points.length === 0) {
      empty.push(input.key);
      continue;
    }
    latest[input.key] = points[points.length - 1]!.value;
    for (const [i, stretch] of splitStretches(points).entries()) {
      const column = `${input.key}#${i}`;
      const hasBand = stretch.some(({ band }) => band);
      segments.push({ column, series: input.key, hasBand });
      if (stretch.length === 1) lonely.add(column);
      for (const p of stretch) {
        const row = rows.get(p.step) ?? { step: p.step };
        row[column] = p.value;
        if (hasBand) row[getBandColumn(column)] = p.band ?? null;
        rows.set(p.step, row);
      }
    }
  }
  const ordered = [...rows.values()].sort((a, b) => a.step - b.step);
  const columns = segments.flatMap(({ column, hasBand }) =>
    hasBand ? [column, getBandColumn(column)] : [column],
  );
  for (const row of ordered) for (const column of columns) row[column] ??= null;
  return { rows: ordered, segments, isolated: lonely, empty, latest };
}

/** Value of a series at a step; null where it has no point there. */
export function findLineValue(data: LineData, series: string, step: number): number | null {
  const row = data.rows.find((r) => r.step === step);
  for (const segment of data.segments) {
    const value = segment.series === series ? row?.[segment.column] : null;
    if (typeof value === "number") return value;
  }
  return null;
}

/** Every value that is drawn: what the value axis must hold. */
export const listLineValues = ({ rows, segments }: LineData): number[] =>
  rows.flatMap((row) =>
    segments.flatMap(({ column }) => [
      ...[row[column] ?? []].flat(),
      ...[row[getBandColumn(column)] ?? []].flat(),
    ]),
  );

export interface StackData {
  rows: Row[];
  /** Series with any value, in the order given: the order of the stack. */
  keys: string[];
  latest: Record<string, number>;
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
  const keys = present.map((p) => p.key);
  const steps = [...new Set(present.flatMap((p) => [...p.points.keys()]))].sort((a, b) => a - b);
  const rows: Row[] = [];
  for (const step of steps) {
    if (missing === "drop" && present.some((p) => !p.points.has(step))) continue;
    const row: Row = { step };
    for (const p of present) row[p.key] = p.points.get(step) ?? 0;
    rows.push(row);
  }
  const last = rows[rows.length - 1];
  return { rows, keys, latest: last ? Object.fromEntries(keys.map((k) => [k, last[k] ?? 0])) : {} };
}

/** Height of the stack at each step. */
export const sumStackRows = ({ rows, keys }: StackData): number[] =>
  rows.map((row) => keys.reduce((sum, key) => sum + (row[key] ?? 0), 0));

/** Path of a sparkline in a box, oldest at the left; null where there are fewer than two points. */
export function buildSparkPath(
  values: readonly number[],
  width: number,
  height: number,
): string | null {
  if (values.length < 2) return null;
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  return values
    .map(
      (v, i) =>
        `${i === 0 ? "M" : "L"}${((i / (values.length - 1)) * width).toFixed(1)},${(height - ((v - low) / span) * height).toFixed(1)}`,
    )
    .join("");
}

/** Filled paths of shares 0..1 in a box, one per stretch without a gap; a single point becomes a thin bar. */
export function buildAreaPaths(
  shares: readonly (number | null)[],
  width: number,
  height: number,
): string[] {
  const x = (i: number): string =>
    (shares.length < 2 ? width : (i / (shares.length - 1)) * width).toFixed(1);
  const y = (v: number): string => (height - Math.min(1, Math.max(0, v)) * height).toFixed(1);
  const parts: number[][] = [];
  for (const [i, value] of shares.entries()) {
    if (value === null) continue;
    if (i === 0 || shares[i - 1] === null) parts.push([]);
    parts[parts.length - 1]!.push(i);
  }
  return parts.map(
    (part) =>
      `M${x(part[0]!)},${height}${part.map((i) => `L${x(i)},${y(shares[i] ?? 0)}`).join("")}L${x(part[part.length - 1]!)},${height}Z`,
  );
}
