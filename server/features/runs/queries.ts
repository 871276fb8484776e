import { z } from "zod";
import type { attemptOutcomeSchema } from "@/contracts/api/runs";
import {
  runKindSchema,
  runStateSchema,
  type RunKind,
  type RunState,
} from "@/contracts/records/run-state";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { ArtifactManifest } from "@/contracts/worker-protocol/artifacts";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { WorkerRequirements } from "@/core/run/requirements";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { VariedSettings } from "@/core/sweep/varied-settings";
import {
  buildEventArguments,
  DEFAULT_PROJECT,
  type Database,
  type NewEvent,
  type Queries,
  type Statements,
} from "@/server/platform/db/database";
import { encodeReportedSeries, type ReportedSeries } from "@/server/features/metrics/queries";
import { toJson, toJsonValue } from "@/server/platform/db/json";
import { jsonColumn, queryRow, queryRows } from "@/server/platform/db/query";

/** The statements of runs: row locks, leases, and whatever needs the clock of the database. */

const attemptRefRowSchema = z.object({ runId: z.string(), attempt: z.int() });

const lockedRunSchema = z.object({
  id: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  attempt: z.int(),
  lostLeases: z.int(),
  isDeleted: z.boolean(),
});

/** The part of a run's row that decides what may happen to it, read under its row lock. */
export type LockedRun = z.infer<typeof lockedRunSchema>;

/** Locks a run's row until the end of the transaction; what only names the run, or compacts its metrics, is not kept waiting. */
export const selectRunForUpdate = (db: Statements, runId: string): Promise<LockedRun | null> =>
  queryRow(db, lockedRunSchema)`
    SELECT id, kind, state, attempt, lost_leases AS "lostLeases", deleted_at IS NOT NULL AS "isDeleted" FROM runs WHERE id = ${runId}::uuid FOR NO KEY UPDATE`;

/** Writes a run's state, and the other columns that change with it. */
export const updateRunState = (
  db: Queries,
  run: LockedRun,
  to: RunState,
  error: string | null,
): Promise<number> => db.$executeRaw`
  UPDATE runs SET state = ${to}, error = ${error}, attempt = ${run.attempt}, lost_leases = ${run.lostLeases},
    started_at = CASE WHEN ${to} = 'leased' THEN coalesce(started_at, clock_timestamp()) ELSE started_at END,
    ended_at = CASE WHEN ${TERMINAL_STATES.has(to) || to === "paused"}::boolean THEN clock_timestamp() END,
    queued_at = CASE WHEN ${to} = 'queued' THEN clock_timestamp() ELSE queued_at END,
    preflight = CASE WHEN ${to} = 'leased' THEN '[]'::jsonb ELSE preflight END,
    progress = CASE WHEN ${to} IN ('leased', 'queued') THEN NULL ELSE progress END
  WHERE id = ${run.id}::uuid`;

export const endAttempt = (
  db: Queries,
  ref: AttemptRef,
  outcome: z.infer<typeof attemptOutcomeSchema>,
  reason: string | null,
): Promise<number> => db.$executeRaw`
  UPDATE attempts SET ended_at = clock_timestamp(), outcome = ${outcome}, reason = ${reason}
  WHERE run_id = ${ref.runId}::uuid AND number = ${ref.attempt} AND ended_at IS NULL`;

export const insertTransition = (
  db: Queries,
  row: {
    runId: string;
    from: RunState | null;
    to: RunState;
    attempt: number;
    actor: string;
    reason: string | null;
  },
): Promise<number> => db.$executeRaw`
  INSERT INTO run_transitions (run_id, sequence, at, from_state, to_state, attempt, actor, reason)
  SELECT ${row.runId}::uuid, coalesce(max(sequence), 0) + 1, clock_timestamp(), ${row.from}, ${row.to}, ${row.attempt}, ${row.actor}, ${row.reason}
  FROM run_transitions WHERE run_id = ${row.runId}::uuid`;

export const insertQueuedRun = (
  db: Queries,
  row: {
    id: string;
    config: RunConfig;
    requirements: WorkerRequirements;
    actor: string;
    preset: string | null;
    place: { sweepId: string; row: number; varied: VariedSettings } | undefined;
  },
): Promise<number> => db.$executeRaw`
  INSERT INTO runs (id, project_id, created_by, created_at, kind, name, preset, config, slot, needs_models, needs_corpora, needs_vllm_gpus, needs_own_engine, needs_worker, state, queued_at, sweep_id, sweep_row, varied)
  VALUES (${row.id}::uuid, ${DEFAULT_PROJECT}::uuid, ${row.actor}, clock_timestamp(), ${row.config.kind}, ${row.config.name}, ${row.preset},
    ${toJson(row.config)}::jsonb, ${row.requirements.slot}, ${row.requirements.models}::text[], ${row.requirements.corpora}::text[],
    ${row.requirements.vllmGpus ?? null}::int, ${row.requirements.ownEngine !== undefined}, ${row.requirements.worker}, 'queued', clock_timestamp(),
    ${row.place?.sweepId ?? null}::uuid, ${row.place?.row ?? null}::int, ${row.place ? toJson(row.place.varied) : null}::jsonb)`;

/** Lets the trainer of a command report its run: an experiment is made where there is none of the name. */
export async function insertCommandTracking(
  db: Queries,
  row: { id: string; experiment: string; actor: string },
): Promise<void> {
  await db.experiment.createMany({
    data: { projectId: DEFAULT_PROJECT, name: row.experiment },
    skipDuplicates: true,
  });
  await db.$executeRaw`
    INSERT INTO external_runs (run_id, experiment_id, reported_by, start_time)
    SELECT ${row.id}::uuid, id, ${row.actor}, extract(epoch FROM clock_timestamp())::bigint * 1000 FROM experiments
    WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${row.experiment}`;
}

/** A run that another program executed, which counts as failed until its results are stored. */
export async function insertExternalRun(
  db: Queries,
  row: {
    id: string;
    config: RunConfig;
    slot: string;
    actor: string;
    importedFrom: string;
    error: string;
  },
): Promise<void> {
  const { id, config, slot, actor, importedFrom, error } = row;
  await db.$executeRaw`
    INSERT INTO runs (id, project_id, created_by, created_at, executor, kind, name, preset, config, slot, needs_models, needs_corpora, state, attempt, queued_at, started_at, ended_at, error, imported_from)
    VALUES (${id}::uuid, ${DEFAULT_PROJECT}::uuid, ${actor}, clock_timestamp(), 'external', ${config.kind}, ${config.name}, NULL, ${toJson(config)}::jsonb, ${slot}, '{}', '{}', 'failed', 1,
      clock_timestamp(), clock_timestamp(), clock_timestamp(), ${error}, ${importedFrom})`;
  await db.$executeRaw`
    INSERT INTO attempts (run_id, number, worker_id, started_at, ended_at, outcome, reason)
    VALUES (${id}::uuid, 1, NULL, clock_timestamp(), clock_timestamp(), 'failed', ${error})`;
}

export const markExternalRunSucceeded = (
  db: Queries,
  runId: string,
  headline: number | null,
): Promise<number> => db.$executeRaw`
  UPDATE runs SET state = 'succeeded', error = NULL, ended_at = clock_timestamp(), headline = ${headline} WHERE id = ${runId}::uuid`;

export interface LeasingWorker {
  id: string;
  name: string;
  models: string[];
  corpora: string[];
  /** GPUs that its vLLM may have. */
  vllmGpus?: number;
  /** Whether it runs commands. */
  commands?: boolean;
  /** Whether it trains at a Tinker service. */
  trainsElsewhere?: boolean;
}

/** Locks the oldest queued run that fits to a worker, and skips those that another transaction has locked. */
export const selectQueuedRunForUpdate = (
  db: Queries,
  worker: LeasingWorker,
  freeSlots: { engine: number; light: number },
): Promise<(LockedRun & { config: unknown }) | null> =>
  queryRow(db, lockedRunSchema.extend({ config: z.unknown() }))`
    SELECT id, kind, state, attempt, lost_leases AS "lostLeases", deleted_at IS NOT NULL AS "isDeleted", config FROM runs
    WHERE state = 'queued' AND executor = 'native'
      AND ((slot = 'engine' AND ${freeSlots.engine} > 0) OR (slot = 'light' AND ${freeSlots.light} > 0))
      AND needs_models <@ ${worker.models}::text[] AND needs_corpora <@ ${worker.corpora}::text[]
      AND (needs_vllm_gpus IS NULL OR needs_vllm_gpus <= ${worker.vllmGpus ?? 0})
      AND NOT (needs_own_engine AND ${worker.trainsElsewhere ?? false}::boolean)
      AND (kind <> 'command' OR ${worker.commands ?? false}::boolean)
      AND (needs_worker IS NULL OR needs_worker IN (${worker.name}, ${worker.id}))
    ORDER BY queued_at LIMIT 1 FOR UPDATE SKIP LOCKED`;

/** Starts an attempt with its lease. */
export async function insertAttempt(
  db: Queries,
  row: AttemptRef & {
    workerId: string;
    fromStep: number | null;
    resumeArtifactId: string | null;
    leaseMs: number;
  },
): Promise<void> {
  await db.$executeRaw`
    INSERT INTO attempts (run_id, number, worker_id, started_at, from_step, resume_artifact_id, environment)
    SELECT ${row.runId}::uuid, ${row.attempt}, w.id, clock_timestamp(), ${row.fromStep}::int, ${row.resumeArtifactId}::uuid,
      jsonb_build_object('worker', w.name, 'hardware', w.hardware, 'device', w.capabilities -> 'device', 'dtype', w.capabilities -> 'dtype', 'vllm', w.capabilities -> 'vllm', 'software', w.capabilities -> 'software')
    FROM workers w WHERE w.id = ${row.workerId}::uuid`;
  await db.$executeRaw`
    INSERT INTO leases (run_id, attempt, worker_id, acquired_at, expires_at)
    VALUES (${row.runId}::uuid, ${row.attempt}, ${row.workerId}::uuid, clock_timestamp(), clock_timestamp() + ${row.leaseMs} * interval '1 millisecond')`;
}

/** Checkpoint of a run with the highest step that is committed and kept; null where there is none. */
export async function selectLastCheckpoint(
  db: Queries,
  runId: string,
): Promise<{ artifactId: string; step: number; files: ArtifactManifest["files"] } | null> {
  const checkpoint = await db.artifact.findFirst({
    where: { runId, kind: "checkpoint", deletedAt: null },
    orderBy: [{ step: "desc" }, { attempt: "desc" }],
    select: { id: true, step: true, files: true },
  });
  if (!checkpoint) return null;
  const { id, step, files } = checkpoint;
  return { artifactId: id, step, files: files as ArtifactManifest["files"] };
}

const extendedLeaseSchema = attemptRefRowSchema.extend({
  state: runStateSchema,
  /** Steps in total; null where the run does not train. */
  steps: z.int().nullable(),
});

/**
 * Extends those leases that a worker holds. It holds one until it is taken back, though its time be over: after an outage
 * of the database a heartbeat can come before the renewal. @returns them, with what is now wanted of their runs
 */
export const extendLeases = (
  db: Queries,
  workerId: string,
  attempts: readonly AttemptRef[],
  leaseMs: number,
): Promise<z.infer<typeof extendedLeaseSchema>[]> =>
  queryRows(db, extendedLeaseSchema)`
    UPDATE leases l SET expires_at = clock_timestamp() + ${leaseMs} * interval '1 millisecond'
    FROM runs r, unnest(${attempts.map((a) => a.runId)}::uuid[], ${attempts.map((a) => a.attempt)}::int[]) AS a(run_id, attempt)
    WHERE l.run_id = a.run_id AND l.attempt = a.attempt AND l.worker_id = ${workerId}::uuid AND r.id = l.run_id
    RETURNING l.run_id AS "runId", l.attempt, r.state, (r.config #>> '{rl,steps}')::int AS steps`;

/** Gives every lease its full time again. */
export const renewAllLeases = (db: Queries, leaseMs: number): Promise<number> =>
  db.$executeRaw`UPDATE leases SET expires_at = greatest(expires_at, clock_timestamp() + ${leaseMs} * interval '1 millisecond')`;

export const selectExpiredLeases = (db: Queries): Promise<AttemptRef[]> =>
  queryRows(db, attemptRefRowSchema)`
    SELECT run_id AS "runId", attempt FROM leases WHERE expires_at <= clock_timestamp()`;

/** Name of the worker that holds an attempt's lease; null where none does. */
export async function selectLeaseHolder(
  db: Queries,
  ref: AttemptRef,
  onlyExpired: boolean,
): Promise<string | null> {
  const row = await queryRow(db, z.object({ name: z.string() }))`
    SELECT w.name FROM leases l JOIN workers w ON w.id = l.worker_id
    WHERE l.run_id = ${ref.runId}::uuid AND l.attempt = ${ref.attempt} AND (NOT ${onlyExpired}::boolean OR l.expires_at <= clock_timestamp())`;
  return row?.name ?? null;
}

/** Number of the last report that was stored of an attempt whose lease this worker holds; null where it holds none. */
export async function selectReportSequence(
  db: Queries,
  ref: AttemptRef,
  workerId: string,
): Promise<number | null> {
  const row = await queryRow(db, z.object({ sequence: z.int() }))`
    SELECT a.sequence FROM leases l JOIN attempts a ON a.run_id = l.run_id AND a.number = l.attempt
    WHERE l.run_id = ${ref.runId}::uuid AND l.attempt = ${ref.attempt} AND l.worker_id = ${workerId}::uuid`;
  return row?.sequence ?? null;
}

/** What a report changes of its run itself; null: nothing. JSON as text. */
export interface ReportedColumns {
  headline: number | null;
  preflight: string | null;
  progress: string | null;
}

/** Records that a report was stored, and writes what it changes of its run, in one statement. */
export const recordReport = (
  db: Queries,
  ref: AttemptRef,
  sequence: number,
  columns: ReportedColumns,
): Promise<number> => db.$executeRaw`
  WITH stored AS (UPDATE attempts SET sequence = ${sequence} WHERE run_id = ${ref.runId}::uuid AND number = ${ref.attempt})
  UPDATE runs SET headline = coalesce(${columns.headline}, headline), preflight = coalesce(${columns.preflight}::jsonb, preflight), progress = coalesce(${columns.progress}::jsonb, progress)
  WHERE id = ${ref.runId}::uuid AND ${Object.values(columns).some((value) => value !== null)}::boolean`;

const ingestedSchema = z.object({
  outcome: z.enum(["stored", "repeated", "out-of-order", "stale", "missing"]),
  /** State and attempt of the run; null where it is missing. */
  state: runStateSchema.nullable(),
  attempt: z.int().nullable(),
  /** Number of the last report that was stored before; null where that is not known. */
  stored: z.int().nullable(),
});

/** A report of metrics that is taken in one statement. */
export interface MetricsReport {
  ref: AttemptRef;
  workerId: string;
  sequence: number;
  /** Last value of the headline metric by kind of run, where it was reported. */
  headlines: Partial<Record<RunKind, number>>;
  /** As JSON; null: nothing new. */
  progress: string | null;
  events: readonly NewEvent[];
  series: ReportedSeries;
}

/** Checks the fence and the order, and stores a report of metrics, in one statement that is a transaction of its own. */
export async function ingestMetrics(
  database: Database,
  { ref, workerId, sequence, headlines, progress, events, series }: MetricsReport,
): Promise<z.infer<typeof ingestedSchema>> {
  const [ingested] = await database.runPrepared(
    {
      name: "ingest_metrics",
      text: `SELECT outcome, run_state AS state, run_attempt AS attempt, stored
        FROM ingest_metrics($1::uuid, $2::int, $3::uuid, $4::int, $5::jsonb, $6::jsonb, $7::bigint, $8, $9::jsonb, $10::text[], $11::int[], $12::int[],
          $13::int[], $14::float8[], $15::float8[], $16::float8[], $17::float8[], $18::int[], $19::float8[], $20::float8[])`,
      values: [
        ref.runId,
        ref.attempt,
        workerId,
        sequence,
        toJson(headlines),
        progress,
        ...buildEventArguments(events),
        ...encodeReportedSeries(series),
      ],
    },
    ingestedSchema,
  );
  return ingested!;
}

/** The last step of a training run that its latest attempt has reported or began with; 0 where there is none. */
export async function selectLastStep(db: Queries, run: LockedRun): Promise<number> {
  const row = await queryRow(db, z.object({ step: z.int() }))`
    SELECT greatest(
      coalesce((SELECT max(step) FROM episodes WHERE run_id = ${run.id}::uuid AND phase = 'train' AND attempt = ${run.attempt}), 0),
      coalesce((SELECT from_step FROM attempts WHERE run_id = ${run.id}::uuid AND number = ${run.attempt}), 0))::int AS step`;
  return row?.step ?? 0;
}

/** Counts of what a run has reported: episodes, the last step, and how far each phase had come. */
export type RunPoint = Record<string, number>;

/** How far a run has come, by what it did and not by the time that it took, and the furthest that it had when its worker was lost before. */
export const selectRunPoint = (
  db: Queries,
  runId: string,
): Promise<{ point: RunPoint; furthest: RunPoint } | null> =>
  queryRow(db, z.object({ point: jsonColumn<RunPoint>(), furthest: jsonColumn<RunPoint>() }))`
    SELECT r.furthest, jsonb_strip_nulls(jsonb_build_object(
        'episodes', (SELECT count(*) FROM episodes e WHERE e.run_id = r.id AND e.phase = 'predict'),
        'step', (SELECT max(m.last_step) FROM metric_series m WHERE m.run_id = r.id AND m.name NOT LIKE 'system/%'))
      || CASE WHEN r.progress IS NULL THEN '{}' ELSE jsonb_build_object(r.progress ->> 'phase', r.progress -> 'done') END) AS point
    FROM runs r WHERE r.id = ${runId}::uuid`;

export async function updateFurthest(
  db: Queries,
  runId: string,
  furthest: RunPoint,
): Promise<void> {
  await db.run.updateMany({ where: { id: runId }, data: { furthest: toJsonValue(furthest) } });
}

/** True where an attempt has lasted ten minutes. */
export async function hasLasted(db: Queries, ref: AttemptRef): Promise<boolean> {
  const row = await queryRow(db, z.object({ lasted: z.boolean() }))`
    SELECT started_at < clock_timestamp() - interval '10 minutes' AS lasted FROM attempts
    WHERE run_id = ${ref.runId}::uuid AND number = ${ref.attempt}`;
  return row?.lasted ?? false;
}

/** True where a corpus is stored, or any worker has it. */
export async function isCorpusKnown(db: Queries, corpus: string): Promise<boolean> {
  const row = await queryRow(db, z.object({ known: z.boolean() }))`
    SELECT EXISTS (SELECT 1 FROM corpora WHERE project_id = ${DEFAULT_PROJECT}::uuid AND name = ${corpus})
      OR EXISTS (SELECT 1 FROM workers WHERE capabilities -> 'corpora' ? ${corpus}) AS known`;
  return row?.known ?? false;
}

/** Configuration of the run that a kept checkpoint is of; null where there is no such checkpoint. */
export const selectCheckpointConfig = (
  db: Queries,
  artifactId: string,
): Promise<{ config: unknown } | null> =>
  queryRow(db, z.object({ config: z.unknown() }))`
    SELECT r.config FROM artifacts a JOIN runs r ON r.id = a.run_id
    WHERE a.id = ${artifactId}::uuid AND a.kind = 'checkpoint' AND a.deleted_at IS NULL`;
