import { computeMeanInterval, computeStudentQuantile } from "@/core/statistics/student";

/** Work of one kind that is left: how often it is still done, and how many seconds the last ones took. */
export interface WorkLeft {
  left: number;
  seconds: readonly number[];
}

/** Seconds until a run is done, with the interval that holds 90% where the pace stays as it varied so far. */
export interface TimeLeft {
  seconds: number;
  /** Null where nothing was measured twice, so that nobody can tell how much it varies. */
  low: number | null;
  high: number | null;
  /** Some of what is left was never measured and is not counted. */
  isPartial: boolean;
}

/** The last ones count: pace changes over a run. */
const RECENT = 20;
const TAIL = 0.05;

/**
 * Estimates the time that is left: the mean of the last durations of each kind of work times how often it is still
 * done. The interval is the prediction interval of a sum of n future durations, t(k - 1) s sqrt(n + n^2 / k), with the
 * variances of the kinds added. Null where nothing that is left was measured.
 */
export function estimateTimeLeft(work: readonly WorkLeft[]): TimeLeft | null {
  const due = work.filter(({ left }) => left > 0);
  const measured = due.filter(({ seconds }) => seconds.length > 0);
  if (measured.length === 0)
    return due.length === 0 ? { seconds: 0, low: 0, high: 0, isPartial: false } : null;
  let [sum, variance, isKnown] = [0, 0, false];
  for (const { left, seconds } of measured) {
    const { n, mean, deviation } = computeMeanInterval(seconds.slice(-RECENT));
    sum += left * mean;
    if (deviation === null) continue;
    isKnown = true;
    const half = computeStudentQuantile(TAIL, n - 1) * deviation * Math.sqrt(left + left ** 2 / n);
    variance += half ** 2;
  }
  const half = Math.sqrt(variance);
  return {
    seconds: sum,
    low: isKnown ? Math.max(0, sum - half) : null,
    high: isKnown ? sum + half : null,
    isPartial: measured.length < due.length,
  };
}

/** How many units of a whole were done at a time. */
export interface ProgressPoint {
  /** Milliseconds since the epoch. */
  at: number;
  done: number;
}

/**
 * Estimates the time that is left of something whose progress is reported now and then: what is left in intervals as
 * large as the last ones were on average. Null where nothing is left or no two points tell a pace.
 */
export function estimateTimeLeftOfProgress(
  points: readonly ProgressPoint[],
  total: number,
): TimeLeft | null {
  const rising: ProgressPoint[] = [];
  for (const point of points) if (point.done > (rising.at(-1)?.done ?? -1)) rising.push(point);
  const recent = rising.slice(-RECENT - 1);
  const last = recent.at(-1);
  if (last === undefined || recent.length < 2 || last.done >= total) return null;
  const unitsPerInterval = (last.done - recent[0]!.done) / (recent.length - 1);
  return estimateTimeLeft([
    {
      left: (total - last.done) / unitsPerInterval,
      seconds: recent.slice(1).map(({ at }, i) => (at - recent[i]!.at) / 1000),
    },
  ]);
}

/** How often something that is done after every n steps, and after the last, is still due after step `done` of `total`; n = 0: only after the last. */
export function countDue(every: number, done: number, total: number): number {
  if (done >= total) return 0;
  const regular = every > 0 ? Math.floor(total / every) - Math.floor(done / every) : 0;
  return every > 0 && total % every === 0 ? regular : regular + 1;
}
