import { AppError } from "@/contracts/errors";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { LaunchedKind } from "@/contracts/records/run-state";
import type { Attempt } from "./attempt";

type Slots = WorkerRequest<"lease">["freeSlots"];

/** Runs of these kinds compute with the engine and hold its slot; the others are light. */
const SLOT_OF: Record<LaunchedKind, keyof Slots> = {
  train: "engine",
  predict: "engine",
  index: "light",
  serve: "light",
  evaluate: "light",
  command: "engine",
};

interface HeldAttempt {
  attempt: Attempt;
  done: Promise<void>;
  /** When the lease was last known to be good: the sending time of what the server confirmed. */
  renewedAt: number;
}

const buildRefKey = ({ runId, attempt }: AttemptRef): string => `${runId}/${attempt}`;

/** The attempts that a worker works on, each with its lease. */
export class HeldAttempts {
  private readonly held = new Map<string, HeldAttempt>();

  add(entry: HeldAttempt): void {
    this.held.set(buildRefKey(entry.attempt.ref), entry);
  }

  remove(ref: AttemptRef): void {
    this.held.delete(buildRefKey(ref));
  }

  list(): Attempt[] {
    return [...this.held.values()].map(({ attempt }) => attempt);
  }

  /** Resolves when each has ended. */
  async waitForAll(): Promise<void> {
    await Promise.all([...this.held.values()].map(({ done }) => done));
  }

  /** Those that the server has not given away. */
  listRefs(): AttemptRef[] {
    return this.list()
      .filter(({ lost }) => !lost)
      .map(({ ref }) => ref);
  }

  countFreeSlots(slots: Slots): Slots {
    const free = { ...slots };
    for (const { kind } of this.list()) free[SLOT_OF[kind]] -= 1;
    return { engine: Math.max(0, free.engine), light: Math.max(0, free.light) };
  }

  cancel(ref: AttemptRef): void {
    const error = new AppError("cancelled", "Cancelled on request.");
    this.held.get(buildRefKey(ref))?.attempt.end({ how: "cancel", error });
  }

  renewLeases(refs: readonly AttemptRef[], at: number): void {
    for (const ref of refs) {
      const entry = this.held.get(buildRefKey(ref));
      if (entry) entry.renewedAt = Math.max(entry.renewedAt, at);
    }
  }

  /** What the server answered to a heartbeat that told of `refs`. */
  applyHeartbeat(
    refs: readonly AttemptRef[],
    sentAt: number,
    { lost, cancel, pause, steps }: WorkerResponse<"heartbeat">,
  ): void {
    this.renewLeases(refs, sentAt);
    for (const ref of lost)
      this.held.get(buildRefKey(ref))?.attempt.end({
        how: "lost",
        error: new AppError("stale-attempt", "The server gave this run to another attempt."),
      });
    for (const ref of cancel) this.cancel(ref);
    for (const ref of pause) this.held.get(buildRefKey(ref))?.attempt.requestPause();
    for (const { steps: total, ...ref } of steps) {
      const requests = this.held.get(buildRefKey(ref))?.attempt.requests;
      if (requests) requests.steps = total;
    }
  }

  /**
   * Without word from the server for the length of a lease, another worker may have the run. Where the word was that it
   * refuses the heartbeats, it will do so at the next attempt, too.
   */
  dropExpired(leaseMs: number, refusal: AppError | null): void {
    const since = `for ${Math.round(leaseMs / 1000)} s`;
    for (const { attempt, renewedAt } of this.held.values()) {
      if (performance.now() - renewedAt <= leaseMs) continue;
      if (refusal) {
        const message = `The server refused this worker's heartbeats ${since}: ${refusal.message}`;
        attempt.end({ how: "fail", error: new AppError(refusal.code, message) });
      } else {
        const message = `The lease is lost: no word from the server ${since}.`;
        attempt.end({ how: "lost", error: new AppError("stale-attempt", message) });
      }
    }
  }
}
