import { z } from "zod";
import { attemptOutcomeSchema, type listRunsRequestSchema } from "@/contracts/api/runs";
import { runKindSchema, runStateSchema, type RunState } from "@/contracts/records/run-state";
import type { PreflightItem, Progress } from "@/contracts/worker-protocol/reports";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { buildLikePattern, escapeLike } from "@/server/platform/db/paging";
import { empty, join, jsonColumn, queryRows, sql, type Sql } from "@/server/platform/db/query";

/** The SQL by which the pages read runs. */

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
  /** Value by which a list is sorted, as text. */
  sortKey: z.string().nullable(),
});

export type StoredRun = z.infer<typeof storedRunSchema>;

/** Runs with the worker of their last attempt. @param rest conditions and order, on the alias r */
const selectRuns = (db: Queries, rest: Sql, sortKey: Sql): Promise<StoredRun[]> =>
  queryRows(db, storedRunSchema)`
    SELECT r.id, r.name, r.kind, r.state, r.created_at AS "createdAt", r.started_at AS "startedAt", r.ended_at AS "endedAt", r.attempt, r.progress, r.preflight, r.created_by AS "createdBy",
      w.id AS "workerId", w.name AS "workerName", r.preset, r.config, r.headline, r.error, r.imported_from AS "importedFrom", r.sweep_id AS "sweepId", (SELECT g.name FROM sweeps g WHERE g.id = r.sweep_id) AS "sweepName", (${sortKey})::text AS "sortKey"
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

type ListRequest = z.output<typeof listRunsRequestSchema>;

/** Sort keys as text, so that a cursor can hold any of them; ties are broken by id. */
const SORTS: Record<ListRequest["sort"], { key: Sql; type: Sql; descending: boolean }> = {
  newest: { key: sql`r.created_at`, type: sql`timestamptz`, descending: true },
  oldest: { key: sql`r.created_at`, type: sql`timestamptz`, descending: false },
  name: { key: sql`lower(r.name)`, type: sql`text`, descending: false },
  reward: {
    key: sql`coalesce(r.headline, '-Infinity'::float8)`,
    type: sql`float8`,
    descending: true,
  },
  // A run that goes on counts as the longest.
  duration: {
    key: sql`(CASE WHEN r.started_at IS NULL THEN 0 WHEN r.ended_at IS NULL THEN 'Infinity' ELSE extract(epoch FROM r.ended_at - r.started_at) END)::float8`,
    type: sql`float8`,
    descending: true,
  },
};

/** A page of runs. @param limit rows at most @param after sort key and id of the row before the page */
export function selectRunPage(
  db: Queries,
  request: Pick<ListRequest, "states" | "kinds" | "text" | "foldSweeps" | "sort">,
  limit: number,
  after: { key: string; id: string } | null,
): Promise<StoredRun[]> {
  const { key, type, descending } = SORTS[request.sort];
  const filter = join(buildFilter(request, sql`r`), " AND ");
  const first = sql`SELECT s.id FROM runs s WHERE s.sweep_id = r.sweep_id AND ${join(buildFilter(request, sql`s`), " AND ")} ORDER BY s.created_at, s.id LIMIT 1`;
  const folded = request.foldSweeps ? sql`AND (r.sweep_id IS NULL OR r.id = (${first}))` : empty;
  const beyond = after
    ? sql`AND (${key}, r.id) ${descending ? sql`<` : sql`>`} (${after.key}::text::${type}, ${after.id}::uuid)`
    : empty;
  const direction = descending ? sql`DESC` : sql`ASC`;
  return selectRuns(
    db,
    sql`WHERE ${filter} ${folded} ${beyond} ORDER BY ${key} ${direction}, r.id ${direction} LIMIT ${limit}`,
    key,
  );
}

/** What a run must be to be listed, as conditions on the alias that it has in the query. */
function buildFilter(
  { states, kinds, text }: Pick<ListRequest, "states" | "kinds" | "text">,
  run: Sql,
): Sql[] {
  const conditions = [sql`${run}.project_id = ${DEFAULT_PROJECT}::uuid`];
  if (states) conditions.push(sql`${run}.state = ANY(${states}::text[])`);
  if (kinds) conditions.push(sql`${run}.kind = ANY(${kinds}::text[])`);
  if (text)
    conditions.push(
      sql`(${run}.name ILIKE ${buildLikePattern(text)} OR ${run}.id::text LIKE ${`${escapeLike(text.toLowerCase())}%`})`,
    );
  return conditions;
}

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

/** Runs of each of these sweeps by state; a sweep without runs is absent. */
export async function countRunsByState(
  db: Queries,
  sweepIds: readonly string[],
): Promise<Map<string, Partial<Record<RunState, number>>>> {
  const rows = await queryRows(
    db,
    z.object({ sweepId: z.string(), state: runStateSchema, runs: z.int() }),
  )`
    SELECT sweep_id AS "sweepId", state, count(*)::int AS runs FROM runs WHERE sweep_id = ANY(${sweepIds}::uuid[]) GROUP BY sweep_id, state`;
  const counts = new Map<string, Partial<Record<RunState, number>>>();
  for (const { sweepId, state, runs } of rows)
    counts.set(sweepId, { ...counts.get(sweepId), [state]: runs });
  return counts;
}
