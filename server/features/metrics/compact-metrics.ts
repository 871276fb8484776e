import { groupBy } from "@/lib/group-by";
import type { Database, Statements } from "@/server/platform/db/database";
import { appendBuckets, type Append } from "./metric-chunks";
import {
  deleteReports,
  lockCompaction,
  lockRun,
  selectCompactable,
  selectHeads,
  type AttemptHead,
} from "./queries";
import { readParts } from "./stored-series";

/** A run that goes on keeps so many reports, or so many points, before they are moved: each move writes chunks anew. */
const REPORTS = 128;
const POINTS = 100_000;
/** Runs in one round. */
const RUNS = 50;

/**
 * Moves reported points into chunks and rollups, while more are reported. A run's are moved in one transaction: whoever
 * reads finds each point once, and where the server dies on the way, nothing has happened.
 *
 * @returns how many runs were looked at
 */
export async function compactMetrics(
  database: Database,
  { reports = REPORTS, points = POINTS } = {},
): Promise<number> {
  const runs = await selectCompactable(database.db, reports, points, RUNS);
  for (const { runId } of runs) {
    const compactable = await database.readArrays((db) => readCompactable(db, runId));
    await database.transactArrays((db) => moveReports(db, runId, compactable));
  }
  return runs.length;
}

/** What is moved of a run: attempts with their newest report of now, and the points up to it. */
interface CompactableMetrics {
  heads: AttemptHead[];
  appends: Map<number, Append[]>;
}

async function readCompactable(db: Statements, runId: string): Promise<CompactableMetrics> {
  const heads = await selectHeads(db, [runId]);
  const parts = await readParts(db, heads, null);
  const appends = parts
    .filter(({ tail }) => tail.length > 0)
    .map(({ attempt, name, compacted, tail }) => ({
      attempt,
      append: { name, offset: compacted, buckets: tail },
    }));
  return {
    heads: heads.filter(({ head, compacted }) => head > compacted),
    appends: new Map(
      [...groupBy(appends, ({ attempt }) => attempt)].map(([attempt, list]) => [
        attempt,
        list.map(({ append }) => append),
      ]),
    ),
  };
}

/** Nothing happens where another server has moved them meanwhile. The run itself is locked for the last two statements only. */
async function moveReports(
  db: Statements,
  runId: string,
  { heads, appends }: CompactableMetrics,
): Promise<void> {
  await lockCompaction(db);
  const now = await selectHeads(db, [runId]);
  const isUnchanged = heads.every(({ number, compacted, head }) =>
    now.some(
      (other) => other.number === number && other.compacted === compacted && other.head >= head,
    ),
  );
  if (!isUnchanged) return;
  for (const [attempt, list] of appends) await appendBuckets(db, { runId, attempt }, 0, list);
  await lockRun(db, runId);
  await deleteReports(db, runId, heads);
}
