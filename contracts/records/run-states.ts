/** Kinds and states of runs as lists, apart from their schemas: a page that only shows them needs no zod. */

export const RUN_KINDS = ["train", "predict", "index", "serve", "evaluate"] as const;

/** In the order of a run's life. */
export const RUN_STATES = [
  "queued",
  "leased",
  "preparing",
  "running",
  "pausing",
  "paused",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled",
] as const;
