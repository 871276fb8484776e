import { randomUUID } from "node:crypto";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { launchedKindSchema, type RunState } from "@/contracts/records/run-state";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import { requirementsFor } from "@/core/run/requirements";
import { canTransition, HELD_STATES, TERMINAL_STATES } from "@/core/run/transitions";
import type { VariedSettings } from "@/core/sweep/varied-settings";
import { selectMayLease } from "@/server/features/pools/queries";
import { pinQuestionSets } from "@/server/features/question-sets/versions";
import type { Database, Queries, Transaction } from "@/server/platform/db/database";
import type { Timings } from "@/server/platform/timings";
import { markMessage } from "@/core/texts/mark-message";
import {
  extendLeases,
  hasLasted,
  insertAttempt,
  insertCommandTracking,
  insertQueuedRun,
  renewAllLeases,
  selectExpiredLeases,
  selectLastCheckpoint,
  selectLastStep,
  selectLeaseHolder,
  selectQueuedRunForUpdate,
  selectReportSequence,
  selectRunPoint,
  updateFurthest,
  type LeasingWorker,
  type LockedRun,
} from "./queries";
import { appendHistory, changeState, lockRun, type TransitionReason } from "./state-machine";

type Lease = NonNullable<WorkerResponse<"lease">["run"]>;
type WorkerState = WorkerRequest<"transition">["to"];

const DEFAULT_MAX_ATTEMPTS = 5;
/** A worker that dies so often at the same point dies of what it does there. */
const MAX_DEATHS = 3;

/** Where in a sweep a run stands: its combination, and the settings of that. */
export interface SweepPlace {
  sweepId: string;
  row: number;
  varied: VariedSettings;
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
    const { actor, preset, place } = options;
    const requirements = requirementsFor(config);
    await insertQueuedRun(tx.db, { id, config, requirements, actor, preset, place });
    if (config.kind === "command")
      await insertCommandTracking(tx.db, { id, experiment: config.experiment, actor });
    await pinQuestionSets(tx.db, id, config);
    await appendHistory(tx, id, null, "queued", 0, { actor, reason: null });
    return id;
  }

  /**
   * Gives the oldest queued run that fits to a worker, as a new attempt. Two workers that ask at once never get the
   * same run (FOR UPDATE SKIP LOCKED).
   */
  async lease(
    worker: LeasingWorker,
    freeSlots: { engine: number; light: number },
  ): Promise<Lease | null> {
    return this.database.transact(async (tx) => {
      if (!(await selectMayLease(tx.db, worker.id))) return null;
      const row = await selectQueuedRunForUpdate(tx.db, worker, freeSlots);
      if (!row) return null;
      const { config, ...run } = row;
      const resume = await selectLastCheckpoint(tx.db, run.id);
      run.attempt += 1;
      await insertAttempt(tx.db, {
        runId: run.id,
        attempt: run.attempt,
        workerId: worker.id,
        fromStep: run.kind === "train" ? (resume?.step ?? null) : null,
        resumeArtifactId: resume?.artifactId ?? null,
        leaseMs: this.timings.leaseMs,
      });
      await changeState(tx, run, "leased", {
        actor: `worker ${worker.name}`,
        reason: resume ? markMessage`goes on from step ${resume.step}` : null,
      });
      return {
        runId: run.id,
        attempt: run.attempt,
        kind: launchedKindSchema.parse(run.kind),
        config: runConfigSchema.parse(config),
        resume,
      };
    });
  }

  /** Extends the leases of the attempts that a worker works on. @returns what it must do with them */
  async extendLeases(
    workerId: string,
    attempts: readonly AttemptRef[],
  ): Promise<WorkerResponse<"heartbeat">> {
    if (attempts.length === 0) return { lost: [], cancel: [], pause: [], steps: [] };
    const { leaseMs } = this.timings;
    const held = await extendLeases(this.database.db, workerId, attempts, leaseMs);
    const known = new Set(held.map((a) => `${a.runId} ${a.attempt}`));
    return {
      lost: attempts.filter((a) => !known.has(`${a.runId} ${a.attempt}`)),
      cancel: listRefs(held.filter((a) => a.state === "cancelling")),
      pause: listRefs(held.filter((a) => a.state === "pausing")),
      steps: held.flatMap(({ runId, attempt, steps }) =>
        steps === null ? [] : [{ runId, attempt, steps }],
      ),
    };
  }

  /** Makes the transition that a worker reports of its attempt. Reporting it again changes nothing. */
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
      const by: TransitionReason = { actor: `worker ${worker.name}`, reason };
      if (run.state === "cancelling") {
        // A worker that does not know of the cancellation yet learns of it by the notice or its next heartbeat.
        if (to === "preparing" || to === "running") return;
        if (to === "failed") return changeState(tx, run, "failed", by, "failed");
        const ended =
          to === "succeeded" ? markMessage`it had come to its end when it was cancelled` : reason;
        return changeState(tx, run, "cancelled", { ...by, reason: ended }, "cancelled");
      }
      if (run.state === "pausing") {
        if (to === "preparing" || to === "running") return;
        if (to === "failed" || to === "succeeded") return changeState(tx, run, to, by, to);
        return changeState(tx, run, "paused", by, "paused");
      }
      switch (to) {
        case "queued":
        case "paused":
        case "cancelled":
          // No person cancelled it: the worker returns it.
          return this.requeue(
            tx,
            run,
            { ...by, reason: reason ?? markMessage`the worker gave it back` },
            { hasDied: false },
          );
        case "succeeded":
        case "failed":
          return changeState(tx, run, to, by, to);
        case "preparing":
        case "running":
          return changeState(tx, run, to, by);
      }
    });
  }

  cancel(runId: string, by: TransitionReason): Promise<{ state: RunState }> {
    return this.database.transact((tx) => this.cancelWithin(tx, runId, by));
  }

  async cancelWithin(
    tx: Transaction,
    runId: string,
    by: TransitionReason,
  ): Promise<{ state: RunState }> {
    const run = await lockRun(tx.db, runId);
    if (run.state === "cancelling" || run.state === "cancelled") return { state: run.state };
    if (TERMINAL_STATES.has(run.state))
      throw new AppError(
        "conflict",
        `The run has ${run.state} already; there is nothing to cancel.`,
      );
    // Nobody is there who would stop an external run: from here on it counts as ended.
    const isHeld = HELD_STATES.has(run.state) && run.kind !== "external";
    await changeState(tx, run, isHeld ? "cancelling" : "cancelled", by);
    return { state: run.state };
  }

  /** A queued run is paused at once; one that a worker has, when it has saved what it goes on from. */
  pause(runId: string, by: TransitionReason): Promise<{ state: RunState }> {
    return this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, runId);
      if (run.state === "pausing" || run.state === "paused") return { state: run.state };
      if (run.kind === "command")
        throw new AppError("conflict", "A command cannot pause; cancel it instead.");
      if (run.kind === "serve")
        throw new AppError("conflict", "A service has nothing to go on from; cancel it instead.");
      await changeState(tx, run, run.state === "queued" ? "paused" : "pausing", by);
      return { state: run.state };
    });
  }

  /**
   * Changes how many steps a training run makes in total. The configuration holds it, so that a later attempt follows,
   * too; a worker that has the run learns of it by its next heartbeat.
   *
   * @throws AppError "conflict" for a run that has ended, "invalid-input" for fewer steps than are made or under way
   */
  changeSteps(
    runId: string,
    steps: number,
    by: TransitionReason,
  ): Promise<{ from: number; to: number }> {
    return this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, runId);
      if (TERMINAL_STATES.has(run.state) || run.state === "cancelling")
        throw new AppError("conflict", `The run is ${run.state}; branch from its last checkpoint.`);
      const config = await readTrainConfig(tx.db, run);
      const least = (await selectLastStep(tx.db, run)) + 1;
      if (steps < least)
        throw new AppError(
          "invalid-input",
          `Step ${least} is under way or next, so at least ${least} steps are made.`,
        );
      const from = config.rl.steps;
      if (steps === from) return { from, to: steps };
      const changed = parseOrThrow(
        runConfigSchema,
        { ...config, rl: { ...config.rl, steps } },
        "The configuration",
      );
      await tx.db.run.update({ where: { id: runId }, data: { config: changed } });
      const reason = `steps: ${from} → ${steps}`;
      await appendHistory(tx, runId, run.state, run.state, run.attempt, { ...by, reason });
      return { from, to: steps };
    });
  }

  resume(runId: string, by: TransitionReason): Promise<{ state: RunState }> {
    return this.database.transact((tx) => this.resumeWithin(tx, runId, by));
  }

  async resumeWithin(
    tx: Transaction,
    runId: string,
    by: TransitionReason,
  ): Promise<{ state: RunState }> {
    const run = await lockRun(tx.db, runId);
    if (run.isDeleted)
      throw new AppError("conflict", "This run was deleted: restore it before it is resumed.");
    if (HELD_STATES.has(run.state) || !canTransition(run.kind, run.state, "queued"))
      throw new AppError(
        "conflict",
        `Only a paused, failed or cancelled run can be resumed; this one is ${run.state}.`,
      );
    run.lostLeases = 0;
    await changeState(tx, run, "queued", { ...by, reason: by.reason ?? markMessage`resumed` });
    return { state: run.state };
  }

  /** No heartbeat could arrive while the server was down: every lease gets its full time once more. */
  async renewLeases(): Promise<void> {
    await renewAllLeases(this.database.db, this.timings.leaseMs);
  }

  /** Takes back every lease that has run out. @returns how many there were */
  async expireLeases(): Promise<number> {
    let expired = 0;
    for (const ref of await selectExpiredLeases(this.database.db))
      if (await this.reclaimLease(ref, "its worker was not heard from for too long", true))
        expired++;
    return expired;
  }

  /** When a worker attaches: reclaims the leases that are stored for it but that it does not hold, without waiting for the time-out. */
  async reclaimUnknownLeases(workerId: string, heldByWorker: readonly AttemptRef[]): Promise<void> {
    const held = await this.database.db.lease.findMany({
      where: { workerId },
      select: { runId: true, attempt: true },
    });
    for (const ref of held) {
      if (!heldByWorker.some((a) => a.runId === ref.runId && a.attempt === ref.attempt))
        await this.reclaimLease(ref, "its worker was started anew", false);
    }
  }

  private async reclaimLease(
    ref: AttemptRef,
    reason: string,
    onlyExpired: boolean,
  ): Promise<boolean> {
    return this.database.transact(async (tx) => {
      const run = await lockRun(tx.db, ref.runId);
      const holder = await selectLeaseHolder(tx.db, ref, onlyExpired);
      if (holder === null) return false;
      if (run.state === "cancelling") {
        await changeState(
          tx,
          run,
          "cancelled",
          { actor: "server", reason: `cancelled; ${reason} (${holder})` },
          "lost",
        );
        return true;
      }
      if (run.state === "pausing") {
        const lost = { actor: "server", reason: `paused; ${reason} (${holder})` };
        await changeState(tx, run, "paused", lost, "lost");
        return true;
      }
      const by = {
        actor: "server",
        reason: `${markMessage`the lease was lost`}: ${reason} (${holder})`,
      };
      await this.requeue(tx, run, by, { hasDied: true });
      return true;
    });
  }

  /** Puts a run back into the queue, to be resumed from its last checkpoint; after too many lost leases it fails instead. */
  private async requeue(
    tx: Transaction,
    run: LockedRun,
    by: TransitionReason,
    { hasDied }: { hasDied: boolean },
  ): Promise<void> {
    const point = hasDied ? await recordPoint(tx.db, run.id) : null;
    const isForgiven =
      point?.isNew === true || (run.kind === "serve" && (await hasServed(tx.db, run)));
    run.lostLeases = isForgiven ? 1 : run.lostLeases + 1;
    if (run.kind === "command" && hasDied && !(await restartsItself(tx.db, run.id))) {
      const lost = `${by.reason}; ${markMessage`the command is not started again by itself (setting "restart")`}`;
      return changeState(tx, run, "failed", { actor: by.actor, reason: lost }, "lost");
    }
    const limit = hasDied ? Math.min(MAX_DEATHS, this.maxAttempts) : this.maxAttempts;
    if (run.lostLeases < limit) return changeState(tx, run, "queued", by, "lost");
    const given =
      point === null
        ? markMessage`given up after ${run.lostLeases} lost attempts. Look at the worker's log, then resume the run.`
        : markMessage`given up after ${run.lostLeases} lost attempts at the same point (${point.text}), no new report between. Look at the worker's log, then resume the run.`;
    const reason = `${by.reason}; ${given}`;
    return changeState(tx, run, "failed", { actor: by.actor, reason }, "lost");
  }
}

/** Notes how far a run has come as its worker was lost; `isNew`: further than whenever that happened before. */
async function recordPoint(db: Queries, runId: string): Promise<{ isNew: boolean; text: string }> {
  const { point, furthest } = (await selectRunPoint(db, runId)) ?? { point: {}, furthest: {} };
  const known = new Map(Object.entries(furthest));
  const further = Object.entries(point).filter(([what, value]) => value > (known.get(what) ?? -1));
  for (const [what, value] of further) known.set(what, value);
  if (further.length > 0) await updateFurthest(db, runId, Object.fromEntries(known));
  const text = Object.entries(point).map(([what, value]) => `${what} ${value}`);
  return { isNew: further.length > 0, text: text.join(", ") };
}

/** Whether a command may be started again without a person. */
async function restartsItself(db: Queries, runId: string): Promise<boolean> {
  const { config } = await db.run.findUniqueOrThrow({
    where: { id: runId },
    select: { config: true },
  });
  const parsed = runConfigSchema.parse(config);
  return parsed.kind === "command" && parsed.restart;
}

const listRefs = (refs: readonly AttemptRef[]): AttemptRef[] =>
  refs.map(({ runId, attempt }) => ({ runId, attempt }));

/** @throws AppError "invalid-input" for a run that does not train */
async function readTrainConfig(db: Queries, run: LockedRun): Promise<TrainConfig> {
  const { config } = await db.run.findUniqueOrThrow({
    where: { id: run.id },
    select: { config: true },
  });
  const parsed = runConfigSchema.parse(config);
  if (parsed.kind !== "train")
    throw new AppError("invalid-input", `A ${parsed.kind} run has no steps.`);
  return parsed;
}

/** A service has no checkpoint that would forgive lost attempts: having served for a while does. */
const hasServed = async (db: Queries, run: LockedRun): Promise<boolean> =>
  run.state === "running" && (await hasLasted(db, { runId: run.id, attempt: run.attempt }));

/**
 * The fence: passes only for the current attempt of a run whose lease this worker holds.
 * Call it under the run's row lock, so that it stays true until commit.
 *
 * @returns number of the last report of that attempt that was stored
 * @throws AppError "stale-attempt"
 */
export async function requireLease(
  db: Queries,
  run: LockedRun,
  ref: AttemptRef,
  workerId: string,
): Promise<{ sequence: number }> {
  const sequence = await selectReportSequence(db, ref, workerId);
  if (sequence === null || run.attempt !== ref.attempt) throw buildStaleError(ref, run);
  return { sequence };
}

/** What a worker is told that reports to an attempt whose lease it does not hold. */
export const buildStaleError = (
  ref: AttemptRef,
  run: Pick<LockedRun, "state" | "attempt">,
): AppError =>
  new AppError(
    "stale-attempt",
    `Attempt ${ref.attempt} of run ${ref.runId} holds no lease any more (the run is ${run.state}, at attempt ${run.attempt}). Drop it.`,
  );

/** True where the worker repeats a transition that was made already, because the answer got lost. */
async function isRepeat(
  db: Queries,
  run: LockedRun,
  ref: AttemptRef,
  workerId: string,
  to: WorkerState,
): Promise<boolean> {
  if (run.attempt !== ref.attempt) return false;
  const attempt = await db.attempt.findUnique({
    where: { runId_number: { runId: ref.runId, number: ref.attempt } },
    select: { outcome: true, workerId: true },
  });
  if (attempt?.workerId !== workerId) return false;
  if (attempt.outcome === null)
    return run.state === to || (run.state === "running" && to === "preparing");
  return attempt.outcome === to || (attempt.outcome === "lost" && to === "queued");
}
