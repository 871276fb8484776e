import { computeMeanInterval } from "@/core/statistics/student";

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

/**
 * Mean of several runs' series with its band, step by step. Where the runs have together more than `limit` steps,
 * neighbouring steps share a point, which stands at its last one and is the mean of each run's values first.
 */
export function computeBand(runs: readonly (readonly CurvePoint[])[], limit: number): BandPoint[] {
  const steps = [...new Set(runs.flatMap((points) => points.map((point) => point.step)))].sort(
    (a, b) => a - b,
  );
  const [first] = steps;
  const last = steps[steps.length - 1];
  if (first === undefined || last === undefined) return [];
  const width = steps.length <= limit ? 1 : Math.ceil((last - first + 1) / limit);
  const bins = new Map<
    number,
    { step: number; sums: Map<number, { sum: number; count: number }> }
  >();
  for (const [run, points] of runs.entries()) {
    for (const { step, value, count } of points) {
      const key = Math.floor((step - first) / width);
      const bin = bins.get(key) ?? {
        step,
        sums: new Map<number, { sum: number; count: number }>(),
      };
      bins.set(key, bin);
      bin.step = Math.max(bin.step, step);
      const sum = bin.sums.get(run) ?? { sum: 0, count: 0 };
      bin.sums.set(run, { sum: sum.sum + value * count, count: sum.count + count });
    }
  }
  let stretch = -1;
  let members = "";
  return [...bins.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, { step, sums }]) => {
      const now = [...sums.keys()].sort((a, b) => a - b).join();
      if (now !== members) stretch += 1;
      members = now;
      const { mean, low, high, n } = computeMeanInterval(
        [...sums.values()].map(({ sum, count }) => sum / count),
      );
      return { step, mean, low, high, n, stretch };
    });
}
