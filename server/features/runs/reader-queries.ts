import { z } from "zod";
import { comparedRunSchema } from "@/contracts/api/run-comparison";
import { attemptOutcomeSchema } from "@/contracts/api/runs";
import { runKindSchema, runStateSchema, type RunState } from "@/contracts/records/run-state";
import type { PreflightItem, Progress } from "@/contracts/worker-protocol/reports";
import type { Queries } from "@/server/platform/db/database";
import { jsonColumn, queryRow, queryRows, sql, type Sql } from "@/server/platform/db/query";

/** The statements by which the pages read runs. */

const storedRunSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  createdAt: z.date(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  attempt: z.int(),
  progress: jsonColumn<Progress | null>(),
  preflight: jsonColumn<PreflightItem[]>(),
  createdBy: z.string(),
  workerId: z.string().nullable(),
  workerName: z.string().nullable(),
  preset: z.string().nullable(),
  config: z.unknown(),
  headline: z.number().nullable(),
  error: z.string().nullable(),
  sweepId: z.string().nullable(),
  sweepName: z.string().nullable(),
  importedFrom: z.string().nullable(),
  tags: z.array(z.string()),
  notes: z.string(),
  archivedAt: z.date().nullable(),
  deletedAt: z.date().nullable(),
  /** Value by which a list is sorted, as text. */
  sortKey: z.string().nullable(),
});

export type StoredRun = z.infer<typeof storedRunSchema>;

/** Runs with the worker of their last attempt. @param rest further joins, conditions and order, on the alias r */
export const selectRuns = (db: Queries, rest: Sql, sortKey: Sql): Promise<StoredRun[]> =>
  queryRows(db, storedRunSchema)`
    SELECT r.id, r.name, r.kind, r.state, r.created_at AS "createdAt", r.started_at AS "startedAt", r.ended_at AS "endedAt", r.attempt, r.progress, r.preflight, r.created_by AS "createdBy",
      w.id AS "workerId", w.name AS "workerName", r.preset, r.config, r.headline, r.error, r.imported_from AS "importedFrom", r.tags, r.notes, r.archived_at AS "archivedAt", r.deleted_at AS "deletedAt", r.sweep_id AS "sweepId", (SELECT g.name FROM sweeps g WHERE g.id = r.sweep_id) AS "sweepName", (${sortKey})::text AS "sortKey"
    FROM runs r LEFT JOIN attempts a ON a.run_id = r.id AND a.number = r.attempt AND r.state <> 'queued' LEFT JOIN workers w ON w.id = a.worker_id ${rest}`;

export async function selectRun(db: Queries, id: string): Promise<StoredRun | null> {
  const [run] = await selectRuns(db, sql`WHERE r.id = ${id}::uuid`, sql`r.id`);
  return run ?? null;
}

export const selectServingRuns = (db: Queries): Promise<StoredRun[]> =>
  selectRuns(
    db,
    sql`WHERE r.kind = 'serve' AND r.state = 'running' ORDER BY r.created_at DESC`,
    sql`r.created_at`,
  );

const attemptRowSchema = z.object({
  number: z.int(),
  workerId: z.string(),
  workerName: z.string(),
  startedAt: z.date(),
  endedAt: z.date().nullable(),
  fromStep: z.int().nullable(),
  outcome: attemptOutcomeSchema.nullable(),
  reason: z.string().nullable(),
});

/** Attempts of a run that workers made, in order. */
export const selectAttempts = (
  db: Queries,
  runId: string,
): Promise<z.infer<typeof attemptRowSchema>[]> =>
  queryRows(db, attemptRowSchema)`
    SELECT a.number, a.worker_id AS "workerId", w.name AS "workerName", a.started_at AS "startedAt", a.ended_at AS "endedAt", a.from_step AS "fromStep", a.outcome, a.reason
    FROM attempts a JOIN workers w ON w.id = a.worker_id WHERE a.run_id = ${runId}::uuid ORDER BY a.number`;

const originSchema = z.object({
  checkpointId: z.string(),
  runId: z.string(),
  name: z.string(),
  step: z.int(),
});

/** The checkpoint that a run begins with, whether it is still kept or not; null where it begins with none. */
export const selectCheckpointOrigin = (
  db: Queries,
  runId: string,
): Promise<z.infer<typeof originSchema> | null> =>
  queryRow(db, originSchema)`
    SELECT a.id AS "checkpointId", o.id AS "runId", o.name, a.step
    FROM runs r JOIN artifacts a ON a.id = (r.config #>> '{searcher,checkpoint}')::uuid JOIN runs o ON o.id = a.run_id WHERE r.id = ${runId}::uuid`;

const branchSchema = z.object({
  id: z.string(),
  name: z.string(),
  kind: runKindSchema,
  step: z.int(),
});

/** The last hundred runs that begin with a checkpoint of a run, without those deleted. */
export const selectBranches = (
  db: Queries,
  runId: string,
): Promise<z.infer<typeof branchSchema>[]> =>
  queryRows(db, branchSchema)`
    SELECT b.id, b.name, b.kind, a.step FROM artifacts a JOIN runs b ON b.config #>> '{searcher,checkpoint}' = a.id::text
    WHERE a.run_id = ${runId}::uuid AND b.deleted_at IS NULL ORDER BY b.created_at DESC LIMIT 100`;

/** Runs of each of these sweeps by state, without those deleted or these alone; a sweep without any is absent. */
export async function countRunsByState(
  db: Queries,
  sweepIds: readonly string[],
  { deleted }: { deleted: boolean },
): Promise<Map<string, Partial<Record<RunState, number>>>> {
  const groups = await db.run.groupBy({
    by: ["sweepId", "state"],
    where: {
      sweepId: { in: [...sweepIds] },
      // Of those deleted, what can be restored is listed.
      ...(deleted ? { deletedAt: { not: null }, purgedAt: null } : { deletedAt: null }),
    },
    _count: true,
  });
  const counts = new Map<string, Partial<Record<RunState, number>>>();
  for (const { sweepId, state, _count: runs } of groups)
    counts.set(sweepId!, { ...counts.get(sweepId!), [runStateSchema.parse(state)]: runs });
  return counts;
}

const comparedRowSchema = comparedRunSchema
  .omit({ metrics: true, leftOut: true })
  .extend({ config: z.unknown(), environment: z.unknown() });

/** Runs with the environment of their last attempt, in any order. */
export const selectComparedRuns = (
  db: Queries,
  ids: readonly string[],
): Promise<z.infer<typeof comparedRowSchema>[]> =>
  queryRows(db, comparedRowSchema)`
    SELECT r.id, r.name, r.kind, r.state, r.created_at AS "createdAt", r.imported_from AS "importedFrom", r.deleted_at AS "deletedAt", r.tags, r.config, a.environment
    FROM runs r LEFT JOIN attempts a ON a.run_id = r.id AND a.number = r.attempt WHERE r.id = ANY(${ids}::uuid[])`;
