import { z } from "zod";
import type { workerRowSchema } from "@/contracts/api/workers";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import { DEFAULT_PROJECT, type Queries } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";

/** The statements of workers and their tokens. */

type WorkerRow = z.infer<typeof workerRowSchema>;

/**
 * Whether a worker may attach with a token: one that a pool gave its job is for the worker that came with it first. The
 * token is locked until the end of the transaction, so that two that come at once are not both the first.
 */
export async function selectMayAttach(
  db: Queries,
  tokenId: string,
  workerId: string,
): Promise<boolean> {
  const token = await queryRow(db, z.object({ single: z.boolean() }))`
    SELECT single_worker AS single FROM worker_tokens WHERE id = ${tokenId}::uuid FOR NO KEY UPDATE`;
  if (!token?.single) return true;
  const other = await db.worker.findFirst({
    where: { tokenId, id: { not: workerId } },
    select: { id: true },
  });
  return other === null;
}

/** Stores a worker that attaches. @returns false where its id came with another token first */
export async function upsertWorker(
  db: Queries,
  tokenId: string,
  request: WorkerRequest<"attach">,
): Promise<boolean> {
  const slots = toJson(request.slots);
  const changed = await db.$executeRaw`
    INSERT INTO workers AS w (id, project_id, token_id, name, hardware, slots, free_slots, capabilities, state, attached_at, last_seen_at)
    VALUES (${request.workerId}::uuid, ${DEFAULT_PROJECT}::uuid, ${tokenId}::uuid, ${request.name}, ${toJson(request.hardware)}::jsonb, ${slots}::jsonb,
      ${slots}::jsonb, ${toJson(request.capabilities)}::jsonb, 'online', clock_timestamp(), clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, hardware = excluded.hardware, slots = excluded.slots, free_slots = excluded.free_slots,
      capabilities = excluded.capabilities, state = 'online', attached_at = excluded.attached_at, last_seen_at = excluded.last_seen_at
    WHERE w.token_id = excluded.token_id`;
  return changed > 0;
}

/** Notes which worker has attached with a token that a pool's job was given; every other token changes nothing. */
export async function bindPoolWorker(
  db: Queries,
  tokenId: string,
  workerId: string,
): Promise<void> {
  await db.poolWorker.updateMany({ where: { tokenId, workerId: null }, data: { workerId } });
}

/** Stores what a heartbeat says of a worker, its machine and its services. */
export async function storeHeartbeat(
  db: Queries,
  workerId: string,
  { freeSlots, usage, services }: WorkerRequest<"heartbeat">,
): Promise<void> {
  await db.$executeRaw`
    UPDATE workers SET state = 'online', last_seen_at = clock_timestamp(), free_slots = ${toJson(freeSlots)}::jsonb WHERE id = ${workerId}::uuid`;
  await db.$executeRaw`
    INSERT INTO worker_usage (worker_id, at, cpu, memory_mb, gpus)
    VALUES (${workerId}::uuid, clock_timestamp(), ${usage.cpu}, ${usage.memoryMb}, ${toJson(usage.gpus)}::jsonb)
    ON CONFLICT DO NOTHING`;
  const rows = services.map((service) => ({
    key: service.key,
    kind: service.kind,
    state: service.state,
    report: service,
  }));
  await db.service.deleteMany({ where: { workerId, key: { notIn: rows.map(({ key }) => key) } } });
  await db.$executeRaw`
    INSERT INTO services AS s (worker_id, key, kind, state, report, updated_at)
    SELECT ${workerId}::uuid, n.key, n.kind, n.state, n.report, clock_timestamp() FROM jsonb_to_recordset(${toJson(rows)}::jsonb) AS n(key text, kind text, state text, report jsonb)
    ON CONFLICT (worker_id, key) DO UPDATE SET kind = excluded.kind, state = excluded.state, report = excluded.report, updated_at = excluded.updated_at`;
}

/** Stores the models of a worker in its capabilities. */
export async function updateModels(
  db: Queries,
  workerId: string,
  { models, modelRoles, shapes }: WorkerRequest<"models">,
): Promise<void> {
  await db.$executeRaw`
    UPDATE workers SET capabilities = capabilities || ${toJson({ models, modelRoles: modelRoles ?? {}, shapes: shapes ?? {} })}::jsonb WHERE id = ${workerId}::uuid`;
}

/** Ids of the workers that the Workers page shows: not those whose job a pool has ended, which never come back. */
export async function selectShownIds(db: Queries): Promise<string[]> {
  const rows = await queryRows(db, z.object({ id: z.string() }))`
    SELECT w.id FROM workers w JOIN worker_tokens t ON t.id = w.token_id
    WHERE w.state = 'online' OR NOT (t.single_worker AND t.revoked_at IS NOT NULL)`;
  return rows.map(({ id }) => id);
}

/** Ids of workers that are online but were not heard from for so long. */
export async function selectSilentWorkers(db: Queries, offlineMs: number): Promise<string[]> {
  const rows = await queryRows(db, z.object({ id: z.string() }))`
    SELECT id FROM workers WHERE state = 'online' AND last_seen_at < clock_timestamp() - ${offlineMs} * interval '1 millisecond'`;
  return rows.map(({ id }) => id);
}

export const deleteOldUsage = (db: Queries, retentionMs: number): Promise<number> =>
  db.$executeRaw`DELETE FROM worker_usage WHERE at < clock_timestamp() - ${retentionMs} * interval '1 millisecond'`;

const usageSchema = z.object({
  workerId: z.string(),
  at: z.date(),
  cpu: z.number(),
  memoryMb: z.number(),
  gpus: jsonColumn<WorkerRow["usage"][number]["gpus"]>(),
});

/** Use of the workers in the last hour: the last sample of every half minute, which is at most 121 a worker. */
export const selectRecentUsage = (db: Queries): Promise<z.infer<typeof usageSchema>[]> =>
  queryRows(db, usageSchema)`
    SELECT DISTINCT ON (worker_id, date_bin('30 seconds', at, 'epoch')) worker_id AS "workerId", at, cpu, memory_mb AS "memoryMb", gpus FROM worker_usage
    WHERE at > now() - interval '1 hour' ORDER BY worker_id, date_bin('30 seconds', at, 'epoch'), at DESC`;

const heldRunSchema = z.object({
  workerId: z.string(),
  id: z.string(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  attempt: z.int(),
  progress: jsonColumn<WorkerRow["runs"][number]["progress"]>(),
});

/** Runs that workers hold, the oldest lease first. */
export const selectHeldRuns = (db: Queries): Promise<z.infer<typeof heldRunSchema>[]> =>
  queryRows(db, heldRunSchema)`
    SELECT l.worker_id AS "workerId", r.id, r.name, r.kind, r.state, r.attempt, r.progress FROM leases l JOIN runs r ON r.id = l.run_id ORDER BY l.acquired_at`;

/** Configurations of the runs that workers of a token lease, and the requests of the tasks that they do, by their ids. */
export const selectHeldWork = (
  db: Queries,
  tokenId: string,
): Promise<{ id: string; config: unknown }[]> =>
  queryRows(db, z.object({ id: z.string(), config: z.unknown() }))`
      SELECT r.id, r.config FROM workers w JOIN leases l ON l.worker_id = w.id JOIN runs r ON r.id = l.run_id WHERE w.token_id = ${tokenId}::uuid
      UNION ALL
      SELECT t.id, t.request FROM workers w JOIN tasks t ON t.worker_id = w.id WHERE w.token_id = ${tokenId}::uuid AND t.state = 'running'`;

/** Revokes a token, unless it is revoked already. @returns false where there is none */
export async function revokeToken(db: Queries, id: string): Promise<boolean> {
  const changed =
    await db.$executeRaw`UPDATE worker_tokens SET revoked_at = coalesce(revoked_at, now()) WHERE id = ${id}::uuid`;
  return changed > 0;
}

/** Records the use of the token with this hash that is not revoked; null where there is none. */
export const markTokenUsed = (
  db: Queries,
  sha256: Uint8Array,
): Promise<{ id: string; sha256: Uint8Array } | null> =>
  queryRow(db, z.object({ id: z.string(), sha256: z.instanceof(Uint8Array) }))`
    UPDATE worker_tokens SET last_used_at = clock_timestamp() WHERE sha256 = ${sha256} AND revoked_at IS NULL RETURNING id, sha256`;
