import { groupBy } from "@/lib/group-by";
import type { Database, Queries } from "@/server/platform/db/database";
import { selectRunForUpdate } from "@/server/features/runs/queries";
import { appendBuckets } from "./metric-chunks";
import { deleteReports, selectCompactable, selectHeads } from "./queries";
import { readParts } from "./stored-series";

/** A run that goes on keeps so many reports, or so many points, before they are moved: each move writes chunks anew. */
const REPORTS = 128;
const POINTS = 50_000;
/** Runs in one round. */
const RUNS = 50;

/**
 * Moves reported points into chunks and rollups. A run's are moved in one transaction under its lock: whoever reads
 * finds each point once, and where the server dies on the way, nothing has happened.
 *
 * @returns how many runs were compacted
 */
export async function compactMetrics(
  database: Database,
  { reports = REPORTS, points = POINTS } = {},
): Promise<number> {
  const runs = await selectCompactable(database.db, reports, points, RUNS);
  for (const { runId } of runs)
    await database.transact(async ({ db }) => {
      await selectRunForUpdate(db, runId);
      await compactRun(db, runId);
    });
  return runs.length;
}

async function compactRun(db: Queries, runId: string): Promise<void> {
  const heads = await selectHeads(db, [runId]);
  const moved = heads.filter(({ head, compacted }) => head > compacted);
  const parts = groupBy(await readParts(db, heads, null), ({ attempt }) => attempt);
  for (const { number } of moved)
    await appendBuckets(
      db,
      { runId, attempt: number },
      0,
      (parts.get(number) ?? [])
        .filter(({ tail }) => tail.length > 0)
        .map(({ name, compacted, tail }) => ({ name, offset: compacted, buckets: [...tail] })),
    );
  await deleteReports(db, runId, moved);
}
