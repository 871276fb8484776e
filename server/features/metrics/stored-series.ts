import { computeLineageCuts, hasOwnAxis } from "@/core/run/attempt-lineage";
import { groupBy } from "@/lib/group-by";
import type { Statements } from "@/server/platform/db/database";
import { getSeriesKey, type StoredPart } from "./metric-chunks";
import { selectSeries, selectTails, type AttemptHead, type SeriesTail } from "./queries";
import { toBucket, type Bucket } from "./rollup";

/**
 * What runs have of series: a part for each attempt that reported them, in the order of the attempts, with the step up
 * to which it survives.
 *
 * @param heads all attempts of the runs
 * @param names null: every series
 */
export async function readParts(
  db: Statements,
  heads: readonly AttemptHead[],
  names: readonly string[] | null,
): Promise<StoredPart[]> {
  const byRun = groupBy(heads, ({ runId }) => runId);
  const runIds = [...byRun.keys()];
  const [rows, tails] = await Promise.all([
    selectSeries(db, runIds, names),
    selectTails(
      db,
      runIds.map((id) => ({ id, after: 0 })),
      names,
    ),
  ]);
  const tailByKey = new Map(tails.map((tail) => [getSeriesKey(tail), toTail(tail)]));
  return [...groupBy(rows, ({ runId, name }) => `${runId} ${name}`).values()].flatMap((series) => {
    const { runId, name } = series[0]!;
    const attempts = byRun.get(runId) ?? [];
    const cuts = computeLineageCuts(attempts, {
      kind: attempts[0]?.kind === "train" ? "train" : "other",
      ownAxis: hasOwnAxis(name),
      firstSteps: new Map(series.map((row) => [row.attempt, row.firstStep])),
    });
    return series.map((row) => {
      const tail = tailByKey.get(getSeriesKey(row)) ?? [];
      return {
        ...row,
        compacted: row.points - tail.length,
        tail,
        cut: cuts.get(row.attempt) ?? -1,
      };
    });
  });
}

/** The points of a tail as buckets of one each. */
export const toTail = ({ steps, at, values }: SeriesTail): Bucket[] =>
  values.map((value, i) => toBucket({ step: steps[i]!, at: at[i]!, value }));
