import type { MetricEntry } from "@/core/metrics/columns";
import type { Statements } from "@/server/platform/db/database";
import { groupBy } from "@/lib/group-by";
import { getSeriesKey, type StepRange } from "./metric-chunks";
import { selectSeries, selectTails, type AttemptHead, type SeriesTail } from "./queries";
import type { Bucket } from "./rollup";
import { toTail } from "./stored-series";

/** Entries of series by name. */
export type SeriesEntries = Record<string, MetricEntry[]>;

/** What is read of each run. */
export interface SeriesReading {
  names: readonly string[];
  /** Of each series. */
  maxPoints: number;
  range: StepRange | null;
}

export const toEntry = (bucket: Bucket): MetricEntry => ({
  step: bucket.maxStep,
  at: bucket.at,
  value: bucket.mean,
  min: bucket.min,
  max: bucket.max,
  count: bucket.count,
});

/** Cursor of a run that no attempt has been made of. */
export const NO_CURSOR = "0.0";

/** Where an attempt stands: its number and its newest report of metrics. */
export const formatCursor = ({ number, head }: AttemptHead): string => `${number}.${head}`;

/** The report that a cursor stands at, if all that came after it can be read and is new; else null. */
function findReport(cursor: string | undefined, newest: AttemptHead | undefined): number | null {
  if (cursor === undefined || !newest) return null;
  const match = /^(\d{1,9})\.(\d{1,15})$/.exec(cursor);
  if (!match || Number(match[1]) !== newest.number) return null;
  const report = Number(match[2]);
  return report >= newest.compacted && report <= newest.head ? report : null;
}

/**
 * The points that were reported after cursors, of those runs where they can be put behind what was read before. That is
 * not so where another attempt has begun, where the new points lie in chunks already, where they change how far an
 * earlier attempt survives, or where they are too many to be taken one by one.
 *
 * @param heads all attempts of the runs, by number
 */
export async function readNewPoints(
  db: Statements,
  heads: readonly AttemptHead[],
  { names, maxPoints, range, since }: SeriesReading & { since: Readonly<Record<string, string>> },
): Promise<Map<string, SeriesEntries>> {
  const newest = new Map(heads.map((head) => [head.runId, head]));
  const runs = [...newest].flatMap(([id, head]) => {
    const after = findReport(since[id], head);
    return after === null ? [] : [{ id, after }];
  });
  if (runs.length === 0) return new Map();
  const tails = groupBy(await selectTails(db, runs, names), ({ runId }) => runId);
  const changed = await listChangedLineages(db, newest, [...tails.values()].flat());
  const isTooLong = ({ values }: SeriesTail): boolean => values.length > maxPoints;
  return new Map(
    runs.flatMap(({ id }) => {
      const ofRun = tails.get(id) ?? [];
      if (changed.has(id) || ofRun.some(isTooLong)) return [];
      const series = ofRun.map((tail) => {
        const points = toTail(tail).filter(
          ({ minStep }) => !range || (minStep >= range.from && minStep <= range.to),
        );
        return [tail.name, points.map(toEntry)] as const;
      });
      return [[id, Object.fromEntries(series.filter(([, points]) => points.length > 0))] as const];
    }),
  );
}

/** Runs of several attempts whose newest one may have got a first step by these points: earlier attempts end there. */
async function listChangedLineages(
  db: Statements,
  newest: ReadonlyMap<string, AttemptHead>,
  tails: readonly SeriesTail[],
): Promise<Set<string>> {
  const resumed = tails.filter(({ runId }) => newest.get(runId)!.number > 1);
  if (resumed.length === 0) return new Set();
  const rows = await selectSeries(
    db,
    [...new Set(resumed.map(({ runId }) => runId))],
    [...new Set(resumed.map(({ name }) => name))],
  );
  const firstSteps = new Map(rows.map((row) => [getSeriesKey(row), row.firstStep]));
  return new Set(
    resumed
      .filter((tail) =>
        tail.steps.some((step) => step <= (firstSteps.get(getSeriesKey(tail)) ?? step)),
      )
      .map(({ runId }) => runId),
  );
}
