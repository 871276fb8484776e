import { z } from "zod";

/** Milliseconds since the epoch, as far as a date reaches. */
export const epochMillisecondsSchema = z.number().min(0).max(8.64e15);

export const metricPointSchema = z.object({
  name: z.string().min(1).max(120),
  /** Training step; cold-start/loss counts its own batches from 0. */
  step: z.int32().nonnegative(),
  value: z.number(),
  at: epochMillisecondsSchema,
});
export type MetricPoint = z.infer<typeof metricPointSchema>;
