import { z } from "zod";

/** Milliseconds since the epoch, as far as a date reaches. */
export const epochMillisecondsSchema = z.number().min(0).max(8.64e15);

/** As long as MLflow's: runs of other trainers have metrics, too. */
export const metricNameSchema = z.string().min(1).max(250);

export const metricPointSchema = z.object({
  name: metricNameSchema,
  /** Training step; cold-start/loss counts its own batches from 0. */
  step: z.int32().nonnegative(),
  value: z.number(),
  at: epochMillisecondsSchema,
});
export type MetricPoint = z.infer<typeof metricPointSchema>;
