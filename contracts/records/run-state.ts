import { z } from "zod";

export const runKindSchema = z.enum(["train", "predict", "index", "serve", "evaluate"]);
export type RunKind = z.infer<typeof runKindSchema>;

export const runStateSchema = z.enum([
  "queued",
  "leased",
  "preparing",
  "running",
  "cancelling",
  "succeeded",
  "failed",
  "cancelled",
]);
export type RunState = z.infer<typeof runStateSchema>;
