import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { type RunState } from "@/contracts/records/run-state";
import { HELD } from "@/core/run/transitions";
import type { Varied } from "@/core/sweep/expand-sweep";
import type {
  AttemptRef,
  WorkerRequest,
  WorkerResponse,
} from "@/contracts/worker-protocol/worker-protocol";
import {
  DEFAULT_PROJECT,
  type Database,
  type Queries,
  type Transaction,
} from "@/server/platform/db/database";
import { pinQuestionSets } from "@/server/features/question-sets/versions";
import type { Timings } from "@/server/platform/timings";
import { appendHistory, changeState, lockRun, type LockedRun, type Why } from "./machine";
import { needsOf } from "./needs";

type Lease = NonNullable<WorkerResponse<"lease">["run"]>;
type WorkerState = WorkerRequest<"transition">["to"];

export const DEFAULT_MAX_ATTEMPTS = 5;

/** Where in a sweep a run stands: its combination, and the settings of that. */
export interface SweepPlace {
  sweepId: string;
  row: number;
  varied: Varied;
}

/** Everything that can happen to a run. Each method is one transaction under the run's row lock. */
export class Runs {
  constructor(
    private readonly database: Database,
    private readonly timings: Timings,
    /** A run whose lease was lost this often, since a person last started it, fails. */
    private readonly maxAttempts: number = DEFAULT_MAX_ATTEMPTS,
  ) {}

  /** Queues a new run. */
  create(config: RunConfig, options: { actor: string; preset: string | null }): Promise<string> {
    return this.database.transact((tx) => this.queue(tx, config, options));
  }

  /** The same within a transaction; a run of a sweep knows its place in it. */
  async queue(
    tx: Transaction,
    config: RunConfig,
    options: { actor: string; preset: string | null; place?: SweepPlace },
  ): Promise<string> {
    const id = randomUUID();
    const needs = needsOf(config);
    const { actor, preset, place } = options;
    await tx.db.$executeRaw`
      INSERT INTO runs (id, project_id, created_by, created_at, kind, name, preset, config, slot, needs_models, needs_corpora, needs_vllm_gpus, needs_worker, state, queued_at, sweep_id, sweep_row, varied)
      VALUES (${id}::uuid, ${DEFAULT_PROJECT}::uuid, ${actor}, clock_timestamp(), ${config.kind}, ${config.name}, ${preset},
        ${JSON.stringify(config)}::jsonb, ${needs.slot}, ${needs.models}::text[], ${needs.corpora}::text[], ${needs.vllmGpus ?? null}::int, ${needs.worker}, 'queued', clock_timestamp(),
        ${place?.sweepId ?? null}::uuid, ${place?.row ?? null}::int, ${place ? JSON.stringify(place.varied) : null}::jsonb)`;
    await pinQuestionSets(tx.db, id, config);
    await appendHistory(tx, id, null, "queued", 0, { actor, reason: null });
    return id;
  }

  /**
   * Gives the oldest queued run that fits to a worker, as a new attempt. Two workers that ask at once never get the
   * same run (FOR UPDATE SKIP LOCKED).
   */
  async lease(
    worker: { id: string; name: string; models: string[]; corpora: string[]; vllmGpus?: number },
    freeSlots: { engine: number; light: number },
  ): Promise<Lease | null> {
    return this.database.transact(async (tx) => {
      const [row] = await tx.db.$queryRaw<(LockedRun & { config: unknown })[]>`
        SELECT id, kind, state, attempt, lost_leases AS "lostLeases", config FROM runs
        WHERE state = 'queued' AND executor = 'native'
          AND ((slot = 'engine' AND ${freeSlots.engine} > 0) OR (slot = 'light' AND ${freeSlots.light} > 0))
          AND needs_models <@ ${worker.models}::text[] AND needs_corpora <@ ${worker.corpora}::text[]
          AND (needs_vllm_gpus IS NULL OR needs_vllm_gpus <= ${worker.vllmGpus ?? 0})
          AND (needs_worker IS NULL OR needs_worker IN (${worker.name}, ${worker.id}))
        ORDER BY queued_at LIMIT 1 FOR UPDATE SKIP LOCKED`;
      if (!row) return null;
      const { config, ...run } = row;
      const resume = await lastCheckpoint(tx.db, run.id);
      run.attempt += 1;
      await tx.db.$executeRaw`
        INSERT INTO attempts (run_id, number, worker_id, started_at, from_step, resume_artifact_id)
        VALUES (${run.id}::uuid, ${run.attempt}, ${worker.id}::uuid, clock_timestamp(), ${run.kind === "train" ? (resume?.step ?? null) : null}::int, ${resume?.artifactId ?? null}::uuid)`;
      await tx.db.$executeRaw`
        INSERT INTO leases (run_id, attempt, worker_id, acquired_at, expires_at)
        VALUES (${run.id}::uuid, ${run.attempt}, ${worker.id}::uuid, clock_timestamp(), clock_timestamp() + ${this.timings.leaseMs} * interval '1 millisecond')`;
      await changeState(tx, run, "leased", {
        actor: `worker ${worker.name}`,
        reason: resume ? `goes on from step ${resume.step}` : null,
      });
      return {
        runId: run.id,
        attempt: run.attempt,
        kind: run.kind,
        config: runConfigSchema.parse(config),
        resume,
      };
    });
  }

  /** Extends the leases of the attempts that the worker says it works on, and tells it which to drop or cancel. */
  async heartbeat(
    workerId: string,
    attempts: readonly AttemptRef[],
  ): Promise<{ lost: AttemptRef[]; cancel: AttemptRef[] }> {
    if (attempts.length === 0) return { lost: [], cancel: [] };
    const held = await this.database.db.$queryRaw<(AttemptRef & { state: RunState })[]>`
      UPDATE leases l SET expires_at = clock_timestamp() + ${this.timings.leaseMs} * interval '1 millisecond'
      FROM runs r, unnest(${attempts.map((a) => a.runId)}::uuid[], ${attempts.map((a) => a.attempt)}::int[]) AS a(run_id, attempt)
      WHERE l.run_id = a.run_id AND l.attempt = a.attempt AND l.worker_id = ${workerId}::uuid AND l.expires_at > clock_timestamp() AND r.id = l.run_id
      RETURNING l.run_id AS "runId", l.attempt, r.state`;
    const known = new Set(held.map((a) => `${a.runId} ${a.attempt}`));
    return {
      lost: attempts.filter((a) => !known.has(`${a.runId} ${a.attempt}`)),
      cancel: held
        .filter((a) => a.state === "cancelling")
        .map(({ runId, attempt }) => ({ runId, attempt })),
    };
  }

  /** What the worker says of its attempt. Saying the same thing again changes nothing. */
  async transition(
    worker: { id: string; name: string },
    ref: AttemptRef,
    to: WorkerState,
    reason: string | null,
  ): Promise<void> {
    await this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, ref.runId);
      if (await isRepeat(tx.db, run, ref, worker.id, to)) return;
      await requireLease(tx.db, run, ref, worker.id);
      const why: Why = { actor: `worker ${worker.name}`, reason };
      if (run.state === "cancelling") {
        // A worker that was not told yet learns it from the notice or the next heartbeat.
        if (to === "preparing" || to === "running") return;
        if (to === "failed") return changeState(tx, run, "failed", why, "failed");
        const ended = to === "succeeded" ? "it had come to its end when it was cancelled" : reason;
        return changeState(tx, run, "cancelled", { ...why, reason: ended }, "cancelled");
      }
      switch (to) {
        case "queued":
        case "cancelled":
          // Nobody asked for it to be cancelled: the worker gives it back.
          return this.requeue(tx, run, { ...why, reason: reason ?? "the worker gave it back" });
        case "succeeded":
        case "failed":
          return changeState(tx, run, to, why, to);
        default:
          return changeState(tx, run, to, why);
      }
    });
  }

  cancel(runId: string, why: Why): Promise<{ state: RunState }> {
    return this.database.transact((tx) => this.cancelWithin(tx, runId, why));
  }

  async cancelWithin(tx: Transaction, runId: string, why: Why): Promise<{ state: RunState }> {
    const run = await lockRun(tx.db, runId);
    if (run.state === "cancelling" || run.state === "cancelled") return { state: run.state };
    if (!HELD.has(run.state) && run.state !== "queued")
      throw new AppError(
        "conflict",
        `The run has ${run.state} already; there is nothing to cancel.`,
      );
    await changeState(tx, run, run.state === "queued" ? "cancelled" : "cancelling", why);
    return { state: run.state };
  }

  resume(runId: string, why: Why): Promise<{ state: RunState }> {
    return this.database.transact((tx) => this.resumeWithin(tx, runId, why));
  }

  async resumeWithin(tx: Transaction, runId: string, why: Why): Promise<{ state: RunState }> {
    const run = await lockRun(tx.db, runId);
    if (run.state !== "failed" && run.state !== "cancelled")
      throw new AppError(
        "conflict",
        `Only a failed or cancelled run can be resumed; this one is ${run.state}.`,
      );
    run.lostLeases = 0;
    await changeState(tx, run, "queued", { ...why, reason: why.reason ?? "resumed" });
    return { state: run.state };
  }

  /** No heartbeat could arrive while the server was down: every lease gets its full time once more. */
  async renewLeases(): Promise<void> {
    await this.database.db
      .$executeRaw`UPDATE leases SET expires_at = greatest(expires_at, clock_timestamp() + ${this.timings.leaseMs} * interval '1 millisecond')`;
  }

  /** Takes back every lease that has run out. @returns how many there were */
  async expireLeases(): Promise<number> {
    const due = await this.database.db.$queryRaw<
      AttemptRef[]
    >`SELECT run_id AS "runId", attempt FROM leases WHERE expires_at <= clock_timestamp()`;
    let expired = 0;
    for (const ref of due)
      if (await this.takeBack(ref, "its worker was not heard from for too long", true)) expired++;
    return expired;
  }

  /** Takes back what a worker holds by our books but not by its own, when it attaches: no need to wait for the time-out. */
  async takeBackUnknown(workerId: string, known: readonly AttemptRef[]): Promise<void> {
    const held = await this.database.db.$queryRaw<
      AttemptRef[]
    >`SELECT run_id AS "runId", attempt FROM leases WHERE worker_id = ${workerId}::uuid`;
    for (const ref of held) {
      if (!known.some((a) => a.runId === ref.runId && a.attempt === ref.attempt))
        await this.takeBack(ref, "its worker was started anew", false);
    }
  }

  private async takeBack(ref: AttemptRef, reason: string, onlyExpired: boolean): Promise<boolean> {
    return this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, ref.runId);
      const rows = await tx.db.$queryRaw<{ name: string }[]>`
        SELECT w.name FROM leases l JOIN workers w ON w.id = l.worker_id
        WHERE l.run_id = ${ref.runId}::uuid AND l.attempt = ${ref.attempt} AND (NOT ${onlyExpired}::boolean OR l.expires_at <= clock_timestamp())`;
      const holder = rows[0];
      if (!holder) return false;
      if (run.state === "cancelling") {
        await changeState(
          tx,
          run,
          "cancelled",
          { actor: "server", reason: `cancelled; ${reason} (${holder.name})` },
          "lost",
        );
        return true;
      }
      await this.requeue(tx, run, {
        actor: "server",
        reason: `the lease was lost: ${reason} (${holder.name})`,
      });
      return true;
    });
  }

  /** Back into the queue, to be gone on with from the last checkpoint; too often, and the run fails with the reason. */
  private async requeue(tx: Transaction, run: LockedRun, why: Why): Promise<void> {
    run.lostLeases = run.kind === "serve" && (await hasServed(tx.db, run)) ? 1 : run.lostLeases + 1;
    if (run.lostLeases < this.maxAttempts) return changeState(tx, run, "queued", why, "lost");
    const reason = `${why.reason}; given up after ${run.lostLeases} lost attempts. Look at the worker's log, then resume the run.`;
    return changeState(tx, run, "failed", { actor: why.actor, reason }, "lost");
  }
}

/** A service has no checkpoint that would forgive lost attempts: having been up for a while does. */
async function hasServed(db: Queries, run: LockedRun): Promise<boolean> {
  const rows = await db.$queryRaw<unknown[]>`
    SELECT 1 FROM attempts WHERE run_id = ${run.id}::uuid AND number = ${run.attempt} AND started_at < clock_timestamp() - interval '10 minutes'`;
  return run.state === "running" && rows.length > 0;
}

/** Checkpoint that the run goes on from: the furthest that is committed and kept. */
export async function lastCheckpoint(db: Queries, runId: string): Promise<Lease["resume"]> {
  const [row] = await db.$queryRaw<
    { artifactId: string; step: number; files: NonNullable<Lease["resume"]>["files"] }[]
  >`
    SELECT id AS "artifactId", step, files FROM artifacts
    WHERE run_id = ${runId}::uuid AND kind = 'checkpoint' AND deleted_at IS NULL ORDER BY step DESC, attempt DESC LIMIT 1`;
  return row ?? null;
}

/**
 * The fence: passes only for the current attempt of a run whose lease this worker holds.
 * Call it under the run's row lock, so that it stays true until commit.
 *
 * @returns number of the last report of that attempt that was taken
 */
export async function requireLease(
  db: Queries,
  run: LockedRun,
  ref: AttemptRef,
  workerId: string,
): Promise<{ sequence: number }> {
  const [held] = await db.$queryRaw<{ sequence: number }[]>`
    SELECT a.sequence FROM leases l JOIN attempts a ON a.run_id = l.run_id AND a.number = l.attempt
    WHERE l.run_id = ${ref.runId}::uuid AND l.attempt = ${ref.attempt} AND l.worker_id = ${workerId}::uuid AND l.expires_at > clock_timestamp()`;
  if (!held || run.attempt !== ref.attempt) {
    throw new AppError(
      "stale-attempt",
      `Attempt ${ref.attempt} of run ${ref.runId} holds no lease any more (the run is ${run.state}, at attempt ${run.attempt}). Drop it.`,
    );
  }
  return held;
}

/** Locks the run and checks the fence. */
export async function lockAttempt(
  tx: Transaction,
  ref: AttemptRef,
  workerId: string,
): Promise<LockedRun> {
  const run = await lockRun(tx.db, ref.runId);
  await requireLease(tx.db, run, ref, workerId);
  return run;
}

/** True where the worker says again what was taken already, because the answer got lost. */
async function isRepeat(
  db: Queries,
  run: LockedRun,
  ref: AttemptRef,
  workerId: string,
  to: WorkerState,
): Promise<boolean> {
  if (run.attempt !== ref.attempt) return false;
  const [attempt] = await db.$queryRaw<{ outcome: string | null; workerId: string }[]>`
    SELECT outcome, worker_id AS "workerId" FROM attempts WHERE run_id = ${ref.runId}::uuid AND number = ${ref.attempt}`;
  if (attempt?.workerId !== workerId) return false;
  if (attempt.outcome === null)
    return run.state === to || (run.state === "running" && to === "preparing");
  return attempt.outcome === to || (attempt.outcome === "lost" && to === "queued");
}
