import { z } from "zod";

export const metricNamesRequestSchema = z.object({ runId: z.uuid() });

export const metricNamesResponseSchema = z.array(
  z.object({
    name: z.string(),
    description: z.string().nullable(),
    lastStep: z.int(),
    lastValue: z.number(),
    lastAt: z.date(),
  }),
);

/** One point, or a bucket of neighbouring points: their mean with its extremes. */
export const metricPointRowSchema = z.object({
  /** Last step of the bucket. */
  step: z.int(),
  at: z.date(),
  value: z.number(),
  min: z.number(),
  max: z.number(),
  /** How many reported points it combines. */
  count: z.int(),
});

export type MetricPointRow = z.infer<typeof metricPointRowSchema>;

export const metricSeriesRequestSchema = z.object({
  runId: z.uuid(),
  names: z.array(z.string().min(1).max(120)).min(1).max(100),
  maxPoints: z.int().min(2).max(2000).default(500),
});

export const metricSeriesResponseSchema = z.record(z.string(), z.array(metricPointRowSchema));
