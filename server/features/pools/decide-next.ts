import type { PoolWorkerState } from "@/contracts/api/pools";
import { markMessage } from "@/core/texts/mark-message";
import type { JobStatus } from "./drivers/driver";

/** What becomes of one worker of a pool. Pure, so that every order of events can be tested. */

export interface WatchedWorker {
  state: Exclude<PoolWorkerState, "requested" | "ended" | "failed">;
  /** Null: its submission was never confirmed. */
  submittedAt: Date | null;
  /** Its scheduler has listed its job at some time. */
  wasListed: boolean;
  startedAt: Date | null;
  idleSince: Date | null;
}

export interface WorkerFacts {
  /** What the scheduler says of its job; null: it does not know it. */
  job: JobStatus | null;
  /** The worker that has attached with its token; null: none has. */
  presence: {
    isOnline: boolean;
    /** It holds a run or does a task. */
    isBusy: boolean;
    /** When it was last heard from. */
    lastSeenAt: Date;
    /** What the pool offers and it does not have. */
    lacks: readonly string[];
  } | null;
  /** No run waits for a worker that is still coming. */
  isUnneeded: boolean;
  /** Since when this server runs: no worker could attach or be heard before. */
  listeningSince: Date;
}

export interface WorkerLimits {
  idleMs: number;
  startMs: number;
  /** A submitted job may be missing from the scheduler's list for so long. */
  appearsWithinMs: number;
}

export type Decision =
  /** Nothing but its state, and since when it is idle. */
  | { kind: "keep"; state: "pending" | "attached" | "idle" | "ending" }
  /** Its job is told to end; an idle one only where no run came to it meanwhile. */
  | { kind: "end"; failing: boolean; reason: string; onlyIfIdle?: true }
  /** Its job is over. */
  | { kind: "finish"; failing: boolean; reason: string | null };

const isOver = (job: JobStatus | null): boolean =>
  job === null || job.phase === "ended" || job.phase === "failed";

/** Whether a job that is not listed may be one that the scheduler does not list yet. */
const mayAppear = (worker: WatchedWorker, limits: WorkerLimits, now: Date): boolean =>
  worker.submittedAt !== null &&
  !worker.wasListed &&
  Math.max(0, now.getTime() - worker.submittedAt.getTime()) < limits.appearsWithinMs;

/** Time since a moment, as far as this server was there. */
const getElapsedMs = (since: Date, { listeningSince }: WorkerFacts, now: Date): number =>
  now.getTime() - Math.max(since.getTime(), listeningSince.getTime());

const describeJob = (job: JobStatus | null): string =>
  job ? job.detail : markMessage`the scheduler does not know its job`;

/** Decides what becomes of a worker at a moment. The same facts give the same decision, so it may be asked again. */
export function decideNext(
  worker: WatchedWorker,
  facts: WorkerFacts,
  limits: WorkerLimits,
  now: Date,
): Decision {
  const { job, presence } = facts;
  const isGone = isOver(job) && !(job === null && mayAppear(worker, limits, now));
  if (worker.state === "ending")
    return isGone
      ? { kind: "finish", failing: false, reason: null }
      : { kind: "keep", state: "ending" };
  if (worker.state === "pending" && presence === null)
    return decideComing(worker, facts, limits, now, isGone);
  if (isGone)
    return {
      kind: "finish",
      failing: job?.phase === "failed",
      reason: markMessage`Its job is over: ${describeJob(job)}.`,
    };
  if (presence === null) return { kind: "keep", state: worker.state };
  if (worker.state === "pending" && presence.lacks.length > 0)
    return {
      kind: "end",
      failing: true,
      reason: markMessage`It attached without ${presence.lacks.join(", ")}, which the pool says that its workers have.`,
    };
  if (!presence.isOnline) {
    const silentMs = now.getTime() - presence.lastSeenAt.getTime();
    if (getElapsedMs(presence.lastSeenAt, facts, now) <= limits.startMs)
      return { kind: "keep", state: worker.state === "pending" ? "attached" : worker.state };
    return {
      kind: "end",
      failing: true,
      reason: markMessage`Nothing was heard of it for ${Math.round(silentMs / 1_000)} s: ${describeJob(job)}.`,
    };
  }
  if (presence.isBusy) return { kind: "keep", state: "attached" };
  const idleMs = worker.idleSince ? now.getTime() - worker.idleSince.getTime() : 0;
  if (worker.state === "idle" && idleMs > limits.idleMs)
    return {
      kind: "end",
      failing: false,
      reason: markMessage`It had nothing to do for ${Math.round(idleMs / 1_000)} s.`,
      onlyIfIdle: true,
    };
  return { kind: "keep", state: "idle" };
}

/** Of one whose worker has not attached. */
function decideComing(
  worker: WatchedWorker,
  facts: WorkerFacts,
  limits: WorkerLimits,
  now: Date,
  isGone: boolean,
): Decision {
  const { job, isUnneeded } = facts;
  if (isGone)
    return {
      kind: "finish",
      failing: true,
      reason: markMessage`Its job was over before a worker attached: ${describeJob(job)}.`,
    };
  // A job that waits costs nothing; one that runs is soon a worker, which the idle limit ends.
  if (isUnneeded && job?.phase === "queued")
    return { kind: "end", failing: false, reason: markMessage`No run waits for it any more.` };
  if (worker.startedAt && getElapsedMs(worker.startedAt, facts, now) > limits.startMs)
    return {
      kind: "end",
      failing: true,
      reason: markMessage`No worker attached within ${limits.startMs / 1_000} s of its job's start: ${describeJob(job)}.`,
    };
  return { kind: "keep", state: "pending" };
}
