import { z } from "zod";

export const metricPointSchema = z.object({
  name: z.string().min(1).max(120),
  /** Training step; cold-start/loss counts its own batches from 0. */
  step: z.int().nonnegative(),
  value: z.number(),
  /** Milliseconds since the epoch. */
  at: z.number(),
});
export type MetricPoint = z.infer<typeof metricPointSchema>;
