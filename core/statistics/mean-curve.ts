import { computeMeanInterval, limitInterval } from "./student";

/** A point of one run's series; `count` reported values stand behind it. */
export interface CurvePoint {
  step: number;
  value: number;
  count: number;
}

export interface BandPoint {
  step: number;
  mean: number;
  /** Ends of the 95% t interval over the runs; null where one run alone has a value. */
  low: number | null;
  high: number | null;
  /** Runs that have a value here. */
  n: number;
  /** Grows where other runs have values than at the step before: a line across would show their difference as a course. */
  stretch: number;
}

const EVERYTHING = [-Infinity, Infinity] as const;

/** The usual distance of neighbours: their median; 0 where there are none. */
function computeDistance(points: readonly CurvePoint[]): number {
  const distances = points.slice(1).map(({ step }, i) => step - points[i]!.step);
  return distances.sort((a, b) => a - b)[Math.floor(distances.length / 2)] ?? 0;
}

/**
 * Mean of several runs on an axis on which each has places of its own, as one of time: `step` is such a place. The mean
 * stands at even places; a run takes part from the place before its first point to the one after its last, with the mean of
 * its points since the place before, or where there is none with its latest value.
 *
 * @param runs each ascending in `step`
 * @param limit about how many places there are at most
 * @param range what the values can be, as in `computeBand`
 */
export function computeBandAtPlaces(
  runs: readonly (readonly CurvePoint[])[],
  limit: number,
  range: readonly [number, number] = EVERYTHING,
): BandPoint[] {
  const curves = runs.filter((points) => points.length > 0);
  if (curves.length === 0) return [];
  const first = Math.min(...curves.map((points) => points[0]!.step));
  const last = Math.max(...curves.map((points) => points.at(-1)!.step));
  const width = Math.max((last - first) / limit, ...curves.map(computeDistance)) || 1;
  const placed = curves.map((points) => {
    const entries: CurvePoint[] = [];
    const end = Math.ceil((points.at(-1)!.step - first) / width);
    let next = 0;
    let { value } = points[0]!;
    for (let bin = Math.floor((points[0]!.step - first) / width); bin <= end; bin++) {
      let [sum, count] = [0, 0];
      for (; next < points.length; next++) {
        const point = points[next]!;
        // What rounding puts behind the last place belongs to it.
        if (bin < end && point.step > first + bin * width) break;
        sum += point.value * point.count;
        count += point.count;
      }
      if (count > 0) value = sum / count;
      entries.push({ step: bin, value, count: 1 });
    }
    return entries;
  });
  return computeBand(placed, Infinity, range).map((point) => ({
    ...point,
    step: first + point.step * width,
  }));
}

/**
 * Mean of several runs' series with its band, step by step. Where the runs have together more than `limit` steps,
 * neighbouring steps share a point, which stands at its last one and is the mean of each run's values first.
 *
 * @param range what the values can be: the band ends there, as the t interval knows nothing of it
 */
export function computeBand(
  runs: readonly (readonly CurvePoint[])[],
  limit: number,
  range: readonly [number, number] = EVERYTHING,
): BandPoint[] {
  const steps = [...new Set(runs.flatMap((points) => points.map((point) => point.step)))].sort(
    (a, b) => a - b,
  );
  const [first] = steps;
  const last = steps[steps.length - 1];
  if (first === undefined || last === undefined) return [];
  const width = steps.length <= limit ? 1 : Math.ceil((last - first + 1) / limit);
  // Bins that hold a step, in order; each stands at its last step.
  const bins = new Map<number, number>();
  const ends: number[] = [];
  for (const step of steps) {
    const key = Math.floor((step - first) / width);
    if (!bins.has(key)) bins.set(key, bins.size);
    ends[bins.size - 1] = step;
  }
  const sums = runs.map(() => new Float64Array(ends.length));
  const counts = runs.map(() => new Float64Array(ends.length));
  for (const [run, points] of runs.entries())
    for (const { step, value, count } of points) {
      const bin = bins.get(Math.floor((step - first) / width))!;
      sums[run]![bin]! += value * count;
      counts[run]![bin]! += count;
    }
  let stretch = -1;
  let members = "";
  return ends.map((step, bin) => {
    const present = runs.flatMap((_, run) => (counts[run]![bin]! > 0 ? [run] : []));
    const now = present.join();
    if (now !== members) stretch += 1;
    members = now;
    const values = present.map((run) => sums[run]![bin]! / counts[run]![bin]!);
    const { mean, low, high, n } = limitInterval(computeMeanInterval(values), range);
    return { step, mean, low, high, n, stretch };
  });
}
