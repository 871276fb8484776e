import type { RunKind, RunState } from "@/contracts/records/run-state";

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
  stalled: [],
};

/** Of a run that another trainer makes: it says itself how it ended, and may go on after that or after a silence. */
const EXTERNAL_TRANSITIONS: Partial<Record<RunState, readonly RunState[]>> = {
  running: ["succeeded", "failed", "cancelled", "stalled"],
  stalled: ["running", "cancelled"],
  succeeded: ["running"],
  failed: ["running"],
  cancelled: ["running"],
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

export const canTransition = (kind: RunKind, from: RunState, to: RunState): boolean =>
  (kind === "external" ? EXTERNAL_TRANSITIONS : TRANSITIONS)[from]?.includes(to) ?? false;
