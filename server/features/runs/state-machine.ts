import { AppError } from "@/contracts/errors";
import type { RunState } from "@/contracts/records/run-state";
import { insertDeliveries } from "@/server/features/notifications/queries";
import { canTransition, HELD_STATES } from "@/core/run/transitions";
import type { Queries, Transaction } from "@/server/platform/db/database";
import {
  endAttempt,
  insertTransition,
  selectRunForUpdate,
  updateRunState,
  type LockedRun,
} from "./queries";

/**
 * Locks a run's row until the end of the transaction. Every change of a run begins with it, and it is the first lock
 * of a transaction, so that changes of one run queue up and never deadlock.
 *
 * @throws AppError "not-found"
 */
export async function lockRun(db: Queries, runId: string): Promise<LockedRun> {
  const run = await selectRunForUpdate(db, runId);
  if (!run) throw buildMissingError(runId);
  return run;
}

export const buildMissingError = (runId: string): AppError =>
  new AppError("not-found", `There is no run ${runId}.`);

/** Who changed the state of a run, and why. */
export interface TransitionReason {
  actor: string;
  reason: string | null;
}

/**
 * The only place that changes a run's state: checks core/run/transitions.ts, appends to the history, and where the run
 * leaves its worker, closes the attempt and gives up the lease.
 *
 * @param outcome how the attempt ended, where this ends one
 * @throws AppError "conflict" for a transition that does not exist
 */
export async function changeState(
  tx: Transaction,
  run: LockedRun,
  to: RunState,
  { actor, reason }: TransitionReason,
  outcome: "succeeded" | "failed" | "cancelled" | "paused" | "lost" | null = null,
): Promise<void> {
  if (!canTransition(run.kind, run.state, to))
    throw new AppError("conflict", `A run that is ${run.state} cannot become ${to}.`);
  if (HELD_STATES.has(run.state) && !HELD_STATES.has(to)) {
    await tx.db.lease.deleteMany({ where: { runId: run.id } });
    await endAttempt(tx.db, { runId: run.id, attempt: run.attempt }, outcome ?? "lost", reason);
  }
  const error = to === "failed" ? (reason ?? "It failed without a reason.") : null;
  await updateRunState(tx.db, run, to, error);
  await appendHistory(tx, run.id, run.state, to, run.attempt, { actor, reason });
  if (to === "succeeded" || to === "failed" || to === "cancelled")
    await insertDeliveries(tx.db, to, `end ${run.id} ${run.attempt} ${to}`, {
      kind: "end",
      runId: run.id,
      state: to,
      reason,
    });
  run.state = to;
}

/** Appends a transition to the history of a run, and emits the event that tells of it. */
export async function appendHistory(
  tx: Transaction,
  runId: string,
  from: RunState | null,
  to: RunState,
  attempt: number,
  transition: TransitionReason,
): Promise<void> {
  await insertTransition(tx.db, { runId, from, to, attempt, ...transition });
  tx.emit({ kind: "run", runId, payload: { state: to, attempt } });
}
