import { AppError } from "@/contracts/errors";
import { type RunKind, type RunState } from "@/contracts/records/run-state";
import { canTransition, HELD, TERMINAL } from "@/core/run/transitions";
import type { Queries, Transaction } from "@/server/platform/db/database";

/** The part of a run's row that decides what may happen to it, read under its row lock. */
export interface LockedRun {
  id: string;
  kind: RunKind;
  state: RunState;
  attempt: number;
  lostLeases: number;
}

/**
 * Locks a run's row until the end of the transaction. Every change of a run begins with it, and it is the first lock
 * taken, so that changes of one run queue up and never deadlock.
 */
export async function lockRun(db: Queries, runId: string): Promise<LockedRun> {
  const [run] = await db.$queryRaw<
    LockedRun[]
  >`SELECT id, kind, state, attempt, lost_leases AS "lostLeases" FROM runs WHERE id = ${runId}::uuid FOR UPDATE`;
  if (!run) throw new AppError("not-found", `There is no run ${runId}.`);
  return run;
}

export interface Why {
  actor: string;
  reason: string | null;
}

/**
 * The only place that changes a run's state: checks contracts/run-state.ts, appends to the history, and where the run
 * leaves its worker, closes the attempt and gives up the lease.
 *
 * @param outcome how the attempt ended, where this ends one
 * @throws AppError "conflict" for a transition that does not exist
 */
export async function changeState(
  tx: Transaction,
  run: LockedRun,
  to: RunState,
  why: Why,
  outcome: "succeeded" | "failed" | "cancelled" | "lost" | null = null,
): Promise<void> {
  if (!canTransition(run.state, to))
    throw new AppError("conflict", `A run that is ${run.state} cannot become ${to}.`);
  const releases = HELD.has(run.state) && !HELD.has(to);
  if (releases) {
    await tx.db.$executeRaw`DELETE FROM leases WHERE run_id = ${run.id}::uuid`;
    await tx.db
      .$executeRaw`UPDATE attempts SET ended_at = clock_timestamp(), outcome = ${outcome ?? "lost"}, reason = ${why.reason} WHERE run_id = ${run.id}::uuid AND number = ${run.attempt} AND ended_at IS NULL`;
  }
  const error = to === "failed" ? (why.reason ?? "It failed without a reason.") : null;
  await tx.db.$executeRaw`
    UPDATE runs SET state = ${to}, error = ${error}, attempt = ${run.attempt}, lost_leases = ${run.lostLeases},
      started_at = CASE WHEN ${to} = 'leased' THEN coalesce(started_at, clock_timestamp()) ELSE started_at END,
      ended_at = CASE WHEN ${TERMINAL.has(to)}::boolean THEN clock_timestamp() END,
      queued_at = CASE WHEN ${to} = 'queued' THEN clock_timestamp() ELSE queued_at END,
      preflight = CASE WHEN ${to} = 'leased' THEN '[]'::jsonb ELSE preflight END,
      progress = CASE WHEN ${to} IN ('leased', 'queued') THEN NULL ELSE progress END
    WHERE id = ${run.id}::uuid`;
  await appendHistory(tx, run.id, run.state, to, run.attempt, why);
  run.state = to;
}

/** One line of the history of a run, and the event that tells of it. */
export async function appendHistory(
  tx: Transaction,
  runId: string,
  from: RunState | null,
  to: RunState,
  attempt: number,
  why: Why,
): Promise<void> {
  await tx.db.$executeRaw`
    INSERT INTO run_transitions (run_id, sequence, at, from_state, to_state, attempt, actor, reason)
    SELECT ${runId}::uuid, coalesce(max(sequence), 0) + 1, clock_timestamp(), ${from}, ${to}, ${attempt}, ${why.actor}, ${why.reason}
    FROM run_transitions WHERE run_id = ${runId}::uuid`;
  tx.emit({ kind: "run", runId, payload: { state: to, attempt } });
}
