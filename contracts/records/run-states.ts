/** Kinds and states of runs as lists, apart from their schemas: a page that only shows them needs no zod. */

/** What people launch and workers execute. */
export const LAUNCHED_KINDS = [
  "train",
  "predict",
  "index",
  "serve",
  "evaluate",
  // Another trainer, as a job of a worker.
  "command",
] as const;

/** With the runs of other trainers, which report here and are only observed. */
export const RUN_KINDS = [...LAUNCHED_KINDS, "external"] as const;

/** In the order of a run's life. */
export const RUN_STATES = [
  "queued",
  "leased",
  "preparing",
  "running",
  // Of an external run: it was not heard from for a while.
  "stalled",
  "pausing",
  "paused",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled",
] as const;
