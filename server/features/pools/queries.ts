import { z } from "zod";
import {
  poolOffersSchema,
  poolTargetSchema,
  poolWorkerRowSchema,
  poolWorkerStateSchema,
  type PoolOffers,
  type PoolTarget,
} from "@/contracts/api/pools";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { type slotsSchema } from "@/contracts/worker-protocol/attach";
import { countVllmDevices } from "@/contracts/worker-protocol/vllm-devices";
import type { Queries } from "@/server/platform/db/database";
import { jsonColumn, queryRow, queryRows, sql } from "@/server/platform/db/query";
import type { FreeWorker, WaitingRun } from "./plan-starts";

/** The statements of pools and their workers. */

/** Workers of pools that have not ended. */
const LIVE = sql`p.state NOT IN ('ended', 'failed')`;

/** Of one worker: from its job's start to its end, or until now. */
const COST = sql`(CASE WHEN p.started_at IS NULL THEN 0
  ELSE greatest(0, extract(epoch FROM coalesce(p.ended_at, clock_timestamp()) - p.started_at)) / 3600 * p.cost_per_hour END)::float8`;

const storedPoolSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  target: jsonColumn<PoolTarget>(),
  sealed: z.instanceof(Uint8Array).nullable(),
  template: z.string(),
  serverUrl: z.string(),
  offers: jsonColumn<PoolOffers>(),
  quota: z.int(),
  idleSeconds: z.int(),
  startSeconds: z.int(),
  costPerHour: z.number(),
  paused: z.boolean(),
  failures: z.int(),
  error: z.string().nullable(),
  /** No failed start keeps it waiting. */
  isDue: z.boolean(),
});
export type StoredPool = z.infer<typeof storedPoolSchema>;

const POOL_COLUMNS = sql`c.id, c.name, c.target, c.sealed, c.template, c.server_url AS "serverUrl", c.offers, c.quota, c.idle_seconds AS "idleSeconds",
  c.start_seconds AS "startSeconds", c.cost_per_hour AS "costPerHour", c.paused, c.failures, c.error, c.next_start_at <= clock_timestamp() AS "isDue"`;

/**
 * What was stored by an older version is read with the defaults of this one; whether a Tinker service trains, which those
 * did not say, its template tells.
 */
const readPool = (row: StoredPool): StoredPool => {
  const stored: object = { tinker: /--tinker-url|S3_TINKER_URL/.test(row.template) };
  const offers = poolOffersSchema.parse(Object.assign(stored, row.offers));
  return { ...row, target: poolTargetSchema.parse(row.target), offers };
};

/** Pools by name. */
export const selectPools = async (db: Queries): Promise<StoredPool[]> =>
  (await queryRows(db, storedPoolSchema)`SELECT ${POOL_COLUMNS} FROM pools c ORDER BY c.name`).map(
    readPool,
  );

/** The same, locked until the end of the transaction: nobody else decides on starts meanwhile. */
export const selectPoolsForUpdate = async (db: Queries): Promise<StoredPool[]> =>
  (
    await queryRows(
      db,
      storedPoolSchema,
    )`SELECT ${POOL_COLUMNS} FROM pools c ORDER BY c.id FOR UPDATE`
  ).map(readPool);

/** Takes a pool for a while; null where somebody else has it, it was looked at just now, or it is gone. */
export const claimPool = async (
  db: Queries,
  id: string,
  claimMs: number,
): Promise<StoredPool | null> => {
  const row = await queryRow(db, storedPoolSchema)`
    UPDATE pools c SET claimed_until = clock_timestamp() + ${claimMs} * interval '1 millisecond'
    WHERE c.id = ${id}::uuid AND c.claimed_until <= clock_timestamp() RETURNING ${POOL_COLUMNS}`;
  return row && readPool(row);
};

/** Gives a pool back, to be looked at again after a while. */
export const releasePool = (db: Queries, id: string, waitMs: number): Promise<number> =>
  db.$executeRaw`UPDATE pools SET claimed_until = clock_timestamp() + ${waitMs} * interval '1 millisecond' WHERE id = ${id}::uuid`;

const liveWorkerSchema = z.object({
  id: z.uuid(),
  poolId: z.uuid(),
  name: z.string(),
  tokenId: z.uuid(),
  sealedToken: z.instanceof(Uint8Array).nullable(),
  state: poolWorkerStateSchema,
  manual: z.boolean(),
  failing: z.boolean(),
  submissions: z.int(),
  detail: z.string(),
  reason: z.string().nullable(),
  workerId: z.uuid().nullable(),
  submittedAt: z.date().nullable(),
  startedAt: z.date().nullable(),
  idleSince: z.date().nullable(),
  /** By the clock of the database, as all its times. */
  now: z.date(),
  attachedId: z.uuid().nullable(),
  isOnline: z.boolean(),
  isBusy: z.boolean(),
  lastSeenAt: z.date().nullable(),
  models: jsonColumn<string[] | null>(),
  corpora: jsonColumn<string[] | null>(),
  vllm: z.string().nullable(),
  commands: z.boolean(),
  trainsElsewhere: z.boolean(),
  gpus: z.int().nullable(),
  slots: jsonColumn<z.infer<typeof slotsSchema> | null>(),
});
export type LiveWorker = z.infer<typeof liveWorkerSchema>;

/** Workers of pools that have not ended, oldest first, each with the worker that has attached with its token. */
export const selectLiveWorkers = (db: Queries): Promise<LiveWorker[]> =>
  queryRows(db, liveWorkerSchema)`
    SELECT p.id, p.pool_id AS "poolId", p.name, p.token_id AS "tokenId", p.sealed_token AS "sealedToken", p.state, p.manual, p.failing, p.submissions, p.detail, p.reason,
      p.worker_id AS "workerId", p.submitted_at AS "submittedAt", p.started_at AS "startedAt", p.idle_since AS "idleSince", clock_timestamp() AS now,
      w.id AS "attachedId", coalesce(w.state = 'online', false) AS "isOnline", w.last_seen_at AS "lastSeenAt",
      coalesce(EXISTS (SELECT 1 FROM leases l WHERE l.worker_id = w.id) OR EXISTS (SELECT 1 FROM tasks t WHERE t.worker_id = w.id AND t.state = 'running'), false) AS "isBusy",
      w.capabilities -> 'models' AS models, w.capabilities -> 'corpora' AS corpora, w.capabilities ->> 'vllm' AS vllm,
      coalesce((w.capabilities ->> 'commands')::boolean, false) AS commands, coalesce(w.capabilities ? 'tinker', false) AS "trainsElsewhere", jsonb_array_length(w.hardware -> 'gpus') AS gpus, w.slots
    FROM pool_workers p LEFT JOIN workers w ON w.token_id = p.token_id
    WHERE ${LIVE} ORDER BY p.requested_at, p.id`;

const waitingRunSchema = z.object({
  slot: z.enum(["engine", "light"]),
  models: z.array(z.string()),
  corpora: z.array(z.string()),
  vllmGpus: z.int().nullable(),
  commands: z.boolean(),
  needsOwnEngine: z.boolean(),
  training: jsonColumn<TrainConfig | null>(),
});

/** Queued runs that may go to any worker, in the order in which they are leased. */
export const selectWaitingRuns = (db: Queries): Promise<WaitingRun[]> =>
  queryRows(db, waitingRunSchema)`
    SELECT slot, needs_models AS models, needs_corpora AS corpora, needs_vllm_gpus AS "vllmGpus", kind = 'command' AS commands, needs_own_engine AS "needsOwnEngine",
      CASE WHEN kind = 'train' THEN config END AS training FROM runs
    WHERE state = 'queued' AND executor = 'native' AND needs_worker IS NULL ORDER BY queued_at LIMIT 1000`;

const freeWorkerSchema = z.object({
  models: jsonColumn<string[]>(),
  corpora: jsonColumn<string[]>(),
  vllm: z.string().nullable(),
  gpus: z.int(),
  commands: z.boolean(),
  trainsElsewhere: z.boolean(),
  free: jsonColumn<z.infer<typeof slotsSchema>>(),
});

/** Workers that are online and are given runs. */
export const selectFreeWorkers = async (db: Queries): Promise<FreeWorker[]> => {
  const rows = await queryRows(db, freeWorkerSchema)`
    SELECT w.capabilities -> 'models' AS models, w.capabilities -> 'corpora' AS corpora, w.free_slots AS free, w.capabilities ->> 'vllm' AS vllm,
      jsonb_array_length(w.hardware -> 'gpus') AS gpus, coalesce((w.capabilities ->> 'commands')::boolean, false) AS commands,
      w.capabilities ? 'tinker' AS "trainsElsewhere"
    FROM workers w WHERE w.state = 'online' AND NOT EXISTS (SELECT 1 FROM pool_workers p WHERE p.worker_id = w.id AND p.state NOT IN ('attached', 'idle'))
    ORDER BY w.name`;
  return rows.map(({ vllm, gpus, ...row }) => ({ ...row, vllmGpus: countVllmDevices(vllm, gpus) }));
};

/** Locks the row of a pool's worker until the end of the transaction. @returns whether it still is in one of these states */
export const lockPoolWorker = async (
  db: Queries,
  id: string,
  states: readonly string[],
): Promise<boolean> => {
  const row = await queryRow(db, z.object({ id: z.uuid() }))`
    SELECT id FROM pool_workers WHERE id = ${id}::uuid AND state = ANY(${states}::text[]) FOR UPDATE`;
  return row !== null;
};

/** Notes what the scheduler says of a job, and when it began, which is no later than now. */
export const updateJob = (
  db: Queries,
  id: string,
  job: { detail: string; startedAt: Date | null },
): Promise<number> => db.$executeRaw`
  UPDATE pool_workers SET detail = ${job.detail},
    started_at = coalesce(started_at, CASE WHEN ${job.startedAt}::timestamptz IS NOT NULL THEN greatest(requested_at, least(clock_timestamp(), ${job.startedAt}::timestamptz)) END)
  WHERE id = ${id}::uuid`;

/** Moves a live worker on; the times of its states go by the clock of the database. @returns 0 where it is in another state by now */
export const updateState = (
  db: Queries,
  id: string,
  from: string,
  to: "attached" | "idle",
): Promise<number> => db.$executeRaw`
  UPDATE pool_workers SET state = ${to}, attached_at = coalesce(attached_at, clock_timestamp()), started_at = coalesce(started_at, clock_timestamp()),
    idle_since = CASE WHEN ${to} = 'idle' THEN coalesce(idle_since, clock_timestamp()) END
  WHERE id = ${id}::uuid AND state = ${from}`;

/** Notes that a job was submitted; of a worker that was ended meanwhile too, as its job is there to be ended. */
export const markSubmitted = (db: Queries, id: string, externalId: string): Promise<number> =>
  db.$executeRaw`
  UPDATE pool_workers SET state = CASE WHEN state = 'requested' THEN 'pending' ELSE state END, reason = CASE WHEN state = 'ending' THEN reason END,
    external_id = ${externalId}, sealed_token = NULL, submitted_at = clock_timestamp()
  WHERE id = ${id}::uuid AND state IN ('requested', 'ending')`;

/** Marks a worker as one whose job is told to end; one that is ending, or has ended, stays as it is. */
export async function markEnding(
  db: Queries,
  id: string,
  why: { failing: boolean; reason: string; logTail: string | null },
): Promise<void> {
  await db.poolWorker.updateMany({
    where: { id, state: { notIn: ["ended", "failed", "ending"] } },
    data: { ...why, state: "ending", sealedToken: null, idleSince: null },
  });
}

/** Notes that a job is over: since when its scheduler says, which may be long ago where the server was away; else since now. */
export const markEnded = (db: Queries, id: string, endedAt: Date | null): Promise<number> =>
  db.$executeRaw`
  UPDATE pool_workers SET state = CASE WHEN failing THEN 'failed' ELSE 'ended' END,
    ended_at = least(clock_timestamp(), greatest(coalesce(started_at, requested_at), coalesce(${endedAt}::timestamptz, clock_timestamp())))
  WHERE id = ${id}::uuid AND state = 'ending'`;

/** Counts a start that failed: the next one waits, twice as long each time, and after so many none is made until a person resumes the pool. */
export const countFailure = (
  db: Queries,
  id: string,
  {
    reason,
    waitMs,
    longestMs,
    most,
  }: { reason: string; waitMs: number; longestMs: number; most: number },
): Promise<number> => db.$executeRaw`
  UPDATE pools SET failures = failures + 1, paused = paused OR failures + 1 >= ${most},
    next_start_at = clock_timestamp() + least(${longestMs}::float8, ${waitMs}::float8 * power(2, failures)) * interval '1 millisecond',
    error = CASE WHEN failures + 1 >= ${most} THEN failures + 1 || ' starts in a row failed, so it is paused. The last: ' || ${reason} ELSE ${reason} END
  WHERE id = ${id}::uuid`;

/** Whether a worker holds a run or does a task. */
export const selectIsBusy = async (db: Queries, workerId: string): Promise<boolean> => {
  const row = await queryRow(db, z.object({ busy: z.boolean() }))`
    SELECT EXISTS (SELECT 1 FROM leases WHERE worker_id = ${workerId}::uuid) OR EXISTS (SELECT 1 FROM tasks WHERE worker_id = ${workerId}::uuid AND state = 'running') AS busy`;
  return row?.busy ?? false;
};

/**
 * Whether a worker may be given a run: one of a pool is given none from before its job is told to end. Its row is locked
 * against that until the end of the transaction.
 */
export const selectMayLease = async (db: Queries, workerId: string): Promise<boolean> => {
  const rows = await queryRows(db, z.object({ state: poolWorkerStateSchema }))`
    SELECT state FROM pool_workers WHERE worker_id = ${workerId}::uuid FOR SHARE`;
  return rows.every(({ state }) => state === "attached" || state === "idle");
};

/** What the pages show of workers of pools: those that have not ended, and the last twenty of each pool that have. */
export const selectShownWorkers = (db: Queries): Promise<z.infer<typeof poolWorkerRowSchema>[]> =>
  queryRows(db, poolWorkerRowSchema)`
    SELECT * FROM (
      SELECT p.id, p.pool_id AS "poolId", p.name, p.state, p.external_id AS "externalId", p.detail, p.reason, p.log_tail AS "logTail", p.worker_id AS "workerId",
        p.requested_at AS "requestedAt", p.started_at AS "startedAt", p.attached_at AS "attachedAt", p.idle_since AS "idleSince", p.ended_at AS "endedAt",
        ${COST} AS cost, row_number() OVER (PARTITION BY p.pool_id, ${LIVE} ORDER BY p.requested_at DESC) AS place
      FROM pool_workers p) shown
    WHERE state NOT IN ('ended', 'failed') OR place <= 20 ORDER BY "requestedAt" DESC, id`;

/** Cost of all workers of each pool so far. */
export const selectCosts = (db: Queries): Promise<{ poolId: string; cost: number }[]> =>
  queryRows(db, z.object({ poolId: z.uuid(), cost: z.number() }))`
    SELECT p.pool_id AS "poolId", sum(${COST})::float8 AS cost FROM pool_workers p GROUP BY p.pool_id`;
