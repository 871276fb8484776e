import { computeMeanInterval } from "./student";

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

/**
 * Mean of several runs' series with its band, step by step. Where the runs have together more than `limit` steps,
 * neighbouring steps share a point, which stands at its last one and is the mean of each run's values first.
 *
 * @param range what the values can be: the band ends there, as the t interval knows nothing of it
 */
export function computeBand(
  runs: readonly (readonly CurvePoint[])[],
  limit: number,
  [least, greatest]: readonly [number, number] = EVERYTHING,
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
    const { mean, low, high, n } = computeMeanInterval(
      present.map((run) => sums[run]![bin]! / counts[run]![bin]!),
    );
    return {
      step,
      mean,
      low: low === null ? null : Math.max(low, Math.min(least, mean)),
      high: high === null ? null : Math.min(high, Math.max(greatest, mean)),
      n,
      stretch,
    };
  });
}
