import { z } from "zod";
import { taskDetailSchema, type TaskState } from "@/contracts/api/tasks";
import type { WireError } from "@/contracts/errors";
import type { TaskRequest } from "@/contracts/worker-protocol/tasks";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";

/** The SQL of tasks. */

export const insertTask = (
  db: Queries,
  row: {
    request: TaskRequest;
    actor: string;
    episodeId: string | null;
    workerId: string;
    /** Time until it is overdue. */
    timeoutMs: number;
  },
): Promise<number> => db.$executeRaw`
  INSERT INTO tasks (id, project_id, created_by, created_at, kind, episode_id, worker_id, request, state, deadline)
  VALUES (${row.request.taskId}::uuid, ${DEFAULT_PROJECT}::uuid, ${row.actor}, clock_timestamp(), ${row.request.kind}, ${row.episodeId}::uuid, ${row.workerId}::uuid, ${toJson(row.request)}::jsonb, 'running',
    clock_timestamp() + ${row.timeoutMs} * interval '1 millisecond')`;

const taskSchema = z.object({
  ...taskDetailSchema.omit({ worker: true }).shape,
  error: jsonColumn<WireError | null>(),
  workerId: z.string(),
  workerName: z.string(),
});

export const selectTask = (db: Queries, id: string): Promise<z.infer<typeof taskSchema> | null> =>
  queryRow(db, taskSchema)`
    SELECT t.id, t.kind, t.state, t.worker_id AS "workerId", w.name AS "workerName", t.detail, t.fraction, t.created_at AS "createdAt", t.ended_at AS "endedAt", t.error, t.result, t.partial
    FROM tasks t JOIN workers w ON w.id = t.worker_id WHERE t.id = ${id}::uuid`;

/**
 * Stores the progress of a running task. A query may wait for an index that is being built, so its
 * time begins anew. @returns false where this worker has no such running task
 */
export async function updateTaskProgress(
  db: Queries,
  row: {
    taskId: string;
    workerId: string;
    detail: string;
    fraction: number;
    /** What there is of the result; null: as before. */
    partial: unknown;
    /** Time that a query gets anew. */
    queryTimeoutMs: number;
  },
): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE tasks SET detail = ${row.detail}, fraction = ${row.fraction}, partial = coalesce(${row.partial === null ? null : toJson(row.partial)}::jsonb, partial), deadline = CASE WHEN kind = 'query' THEN greatest(deadline, clock_timestamp() + ${row.queryTimeoutMs} * interval '1 millisecond') ELSE deadline END
    WHERE id = ${row.taskId}::uuid AND worker_id = ${row.workerId}::uuid AND state = 'running'`;
  return changed > 0;
}

/** Ends a running task. @returns false where it has ended already */
export async function endRunningTask(
  db: Queries,
  taskId: string,
  state: Exclude<TaskState, "running">,
  { result, error }: { result?: unknown; error?: WireError },
): Promise<boolean> {
  const changed = await db.$executeRaw`
    UPDATE tasks SET state = ${state}, ended_at = clock_timestamp(), fraction = CASE WHEN ${state} = 'succeeded' THEN 1 ELSE fraction END,
      result = ${result === undefined ? null : toJson(result)}::jsonb, error = ${error ? toJson(error) : null}::jsonb
    WHERE id = ${taskId}::uuid AND state = 'running'`;
  return changed > 0;
}

const overdueTaskSchema = z.object({
  id: z.string(),
  workerId: z.string(),
  workerName: z.string(),
  /** Past its deadline; otherwise its worker went offline. */
  late: z.boolean(),
});

export const selectOverdueTasks = (
  db: Queries,
  offlineMs: number,
): Promise<z.infer<typeof overdueTaskSchema>[]> =>
  queryRows(db, overdueTaskSchema)`
    SELECT t.id, t.worker_id AS "workerId", w.name AS "workerName", t.deadline <= clock_timestamp() AS late FROM tasks t JOIN workers w ON w.id = t.worker_id
    WHERE t.state = 'running' AND (t.deadline <= clock_timestamp() OR (w.state = 'offline' AND w.last_seen_at < clock_timestamp() - ${offlineMs} * interval '1 millisecond'))`;
