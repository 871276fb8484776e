import { z } from "zod";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import type { Progress } from "@/contracts/worker-protocol/reports";
import { TERMINAL_STATES } from "@/core/run/transitions";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { jsonColumn, queryRow, queryRows, sql, type Sql } from "@/server/platform/db/query";

/** The SQL of the home page. */

const isOver = sql`(state = ANY(${[...TERMINAL_STATES]}::text[]))`;

const activityRunSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  progress: jsonColumn<Progress | null>(),
  headline: z.number().nullable(),
  error: z.string().nullable(),
});
type ActivityRun = z.infer<typeof activityRunSchema>;

const selectRuns = (db: Queries, rest: Sql): Promise<ActivityRun[]> =>
  queryRows(db, activityRunSchema)`
    SELECT id, name, kind, state, started_at AS "startedAt", ended_at AS "endedAt", progress, headline, error
    FROM runs WHERE project_id = ${DEFAULT_PROJECT}::uuid AND deleted_at IS NULL AND ${rest}`;

/** Runs that are not at their end: those that a worker has first, then those that wait longest. */
export const selectActiveRuns = (db: Queries, limit: number): Promise<ActivityRun[]> =>
  selectRuns(db, sql`NOT ${isOver} ORDER BY started_at DESC NULLS LAST, queued_at LIMIT ${limit}`);

/** The runs that ended last; not those that were imported. */
export const selectEndedRuns = (db: Queries, limit: number): Promise<ActivityRun[]> =>
  selectRuns(db, sql`imported_from IS NULL AND ${isOver} ORDER BY ended_at DESC LIMIT ${limit}`);

const endedSince = (since: Date): Sql =>
  sql`ended_at > ${since} AND imported_from IS NULL AND created_by IS DISTINCT FROM ${EXAMPLE_ACTOR} AND ${isOver}`;

const namedRunSchema = activityRunSchema.pick({ id: true, name: true });

/** Runs that ended after a time, the last ones first; neither imported ones nor those of the example. */
export const selectEndedSince = (
  db: Queries,
  since: Date,
  limit: number,
): Promise<z.infer<typeof namedRunSchema>[]> =>
  queryRows(db, namedRunSchema)`
    SELECT id, name FROM runs WHERE project_id = ${DEFAULT_PROJECT}::uuid AND deleted_at IS NULL AND ${endedSince(since)}
    ORDER BY ended_at DESC LIMIT ${limit}`;

export async function countRuns(
  db: Queries,
  since: Date,
): Promise<{ activeCount: number; endedCount: number; runs: number }> {
  const row = await queryRow(
    db,
    z.object({ activeCount: z.int(), endedCount: z.int(), runs: z.int() }),
  )`
    SELECT count(*) FILTER (WHERE NOT ${isOver})::int AS "activeCount",
      count(*) FILTER (WHERE ${endedSince(since)})::int AS "endedCount",
      count(*)::int AS runs
    FROM runs WHERE project_id = ${DEFAULT_PROJECT}::uuid AND deleted_at IS NULL`;
  return row ?? { activeCount: 0, endedCount: 0, runs: 0 };
}

const workerSchema = z.object({
  id: z.string(),
  name: z.string(),
  state: z.enum(["online", "offline"]),
  runs: z.int(),
});

/** Workers with the number of runs that they hold, those that are online first. */
export const selectWorkers = (db: Queries): Promise<z.infer<typeof workerSchema>[]> =>
  queryRows(db, workerSchema)`
    SELECT w.id, w.name, w.state, (SELECT count(*) FROM leases l WHERE l.worker_id = w.id)::int AS runs
    FROM workers w ORDER BY w.state DESC, w.last_seen_at DESC`;

/** Whether a corpus was indexed or served here, a searcher trained, and questions answered; the example does not count. */
export async function selectDone(
  db: Queries,
): Promise<{ indexed: boolean; trained: boolean; evaluated: boolean }> {
  const row = await queryRow(
    db,
    z.object({ indexed: z.boolean(), trained: z.boolean(), evaluated: z.boolean() }),
  )`
    WITH own AS (SELECT kind, state FROM runs WHERE deleted_at IS NULL AND created_by <> ${EXAMPLE_ACTOR})
    SELECT EXISTS (SELECT FROM own WHERE kind = 'index' AND state = 'succeeded') OR EXISTS (SELECT FROM worker_corpora WHERE jsonb_array_length(report -> 'indexes') > 0) AS indexed,
      EXISTS (SELECT FROM own WHERE kind = 'train' AND state = 'succeeded') AS trained,
      EXISTS (SELECT FROM own WHERE kind = 'predict' AND state = 'succeeded') AS evaluated`;
  return row ?? { indexed: false, trained: false, evaluated: false };
}
