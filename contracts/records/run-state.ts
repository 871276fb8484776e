import { z } from "zod";

export const runKind = z.enum(["train", "predict", "index", "serve", "evaluate"]);
export type RunKind = z.infer<typeof runKind>;

export const runState = z.enum([
  "queued",
  "leased",
  "preparing",
  "running",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled",
]);
export type RunState = z.infer<typeof runState>;
