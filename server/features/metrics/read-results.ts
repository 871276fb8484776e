import { isLowerBetter } from "@/core/metrics/metrics";
import { groupBy } from "@/lib/group-by";
import type { Statements } from "@/server/platform/db/database";
import { readBuckets, type StoredPart } from "./metric-chunks";
import { selectHeads, selectStepsOfValues } from "./queries";
import { readParts } from "./stored-series";

/** Points that a series which has lost its end is read with. */
const POINTS = 500;

/** Last and best value of a series. The best is exact; where an attempt's end was replaced, its step may be the end of a bucket. */
export interface SeriesResult {
  last: number;
  lastStep: number;
  best: number;
  bestStep: number;
}

/** Results of the series of runs by run and name; a series without a point is absent. */
export async function readResults(
  db: Statements,
  runIds: readonly string[],
  names: readonly string[],
): Promise<Map<string, Map<string, SeriesResult>>> {
  const parts = await readParts(db, await selectHeads(db, runIds), names);
  const alive = parts.filter(({ firstStep, cut }) => firstStep <= cut);
  const series = [...groupBy(alive, ({ runId, name }) => `${runId} ${name}`).values()];
  // A series that is whole and of one attempt has its last and best value beside it.
  const whole = series.flatMap(([part, more]) => (part && !more && isWhole(part) ? [part] : []));
  const results = new Map<string, Map<string, SeriesResult>>();
  const store = ({ runId, name }: StoredPart, result: SeriesResult): void => {
    results.set(runId, (results.get(runId) ?? new Map<string, SeriesResult>()).set(name, result));
  };
  const steps = await findBestSteps(db, whole);
  for (const part of whole)
    store(part, {
      last: part.lastValue,
      lastStep: part.lastStep,
      best: getBest(part)!,
      bestStep: steps.get(part) ?? part.lastStep,
    });
  const known = new Set(whole);
  const rest = series.filter(([part]) => !known.has(part!));
  const buckets = await readBuckets(db, rest.flat(), POINTS, null);
  for (const ofSeries of rest) {
    const all = ofSeries.flatMap((part) => buckets.get(part) ?? []);
    const last = all.at(-1);
    if (!last) continue;
    const lower = isLowerBetter(ofSeries[0]!.name);
    const best = all.reduce((found, next) =>
      (lower ? next.min < found.min : next.max > found.max) ? next : found,
    );
    // The end of the newest attempt is known exactly, unless it was replaced; then the last bucket is the nearest.
    const newest = ofSeries.at(-1)!;
    const isEnd = newest.lastStep <= newest.cut;
    store(newest, {
      last: isEnd ? newest.lastValue : last.mean,
      lastStep: isEnd ? newest.lastStep : last.maxStep,
      best: lower ? best.min : best.max,
      bestStep: best.maxStep,
    });
  }
  return results;
}

const getBest = ({ name, minValue, maxValue }: StoredPart): number | null =>
  isLowerBetter(name) ? minValue : maxValue;

const isWhole = (part: StoredPart): boolean => part.lastStep <= part.cut && getBest(part) !== null;

/** The step at which each series was at its best first. */
async function findBestSteps(
  db: Statements,
  parts: readonly StoredPart[],
): Promise<Map<StoredPart, number>> {
  const rows = await selectStepsOfValues(
    db,
    parts.map((part) => ({
      runId: part.runId,
      attempt: part.attempt,
      name: part.name,
      value: getBest(part)!,
    })),
  );
  return new Map(
    parts.flatMap((part, i) => {
      const step = rows[i]?.step ?? part.tail.find(({ mean }) => mean === getBest(part))?.maxStep;
      return step === undefined ? [] : [[part, step] as const];
    }),
  );
}
