import type { RunState } from "@/contracts/records/run-state";

/** The only transitions there are. A requeue (lost lease, resume by a person) leads back to `queued`. */
const TRANSITIONS: Readonly<Record<RunState, readonly RunState[]>> = {
  queued: ["leased", "paused", "cancelled"],
  leased: ["preparing", "queued", "pausing", "cancelling", "failed"],
  preparing: ["running", "queued", "pausing", "cancelling", "failed"],
  running: ["succeeded", "queued", "pausing", "cancelling", "failed"],
  // It may come to its end before the next point at which it can pause.
  pausing: ["paused", "succeeded", "cancelling", "failed"],
  paused: ["queued", "cancelled"],
  cancelling: ["cancelled", "failed"],
  succeeded: [],
  failed: ["queued"],
  cancelled: ["queued"],
};

export const TERMINAL_STATES: ReadonlySet<RunState> = new Set<RunState>([
  "succeeded",
  "failed",
  "cancelled",
]);
/** States in which an attempt holds a lease. */
export const HELD_STATES: ReadonlySet<RunState> = new Set<RunState>([
  "leased",
  "preparing",
  "running",
  "pausing",
  "cancelling",
]);

export const canTransition = (from: RunState, to: RunState): boolean =>
  TRANSITIONS[from].includes(to);
