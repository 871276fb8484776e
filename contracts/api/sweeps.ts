import { z } from "zod";
import { metricNameSchema } from "@/contracts/records/metric-point";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { settingValueSchema, sweepSpecSchema } from "@/contracts/run-config/sweep";
import { progressSchema } from "@/contracts/worker-protocol/reports";

export const cancelSweepRequestSchema = z.object({
  id: z.uuid(),
  reason: z.string().max(1000).nullish(),
});

export const cancelSweepResponseSchema = z.object({
  cancelled: z.int(),
  /** Held by a worker: cancelling until it has let go. */
  cancelling: z.int(),
});

export const listSweepsRequestSchema = z.object({
  cursor: z.string().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

const sweepRowSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  createdAt: z.date(),
  preset: z.string().nullable(),
  kind: runKindSchema,
  /** Settings that vary. */
  paths: z.array(z.string()),
  seeds: z.array(z.int()),
  runs: z.int(),
  /** Runs per state. */
  counts: z.partialRecord(runStateSchema, z.int()),
});

export type SweepRow = z.infer<typeof sweepRowSchema>;

export const listSweepsResponseSchema = z.object({
  rows: z.array(sweepRowSchema),
  nextCursor: z.string().nullable(),
});

const metricNamesSchema = z.array(metricNameSchema).max(6);

export const getSweepRequestSchema = z.object({
  id: z.uuid(),
  /** Metrics of the table; none: the default ones of this kind of run. */
  metrics: metricNamesSchema.default([]),
});

const variedSchema = z.record(z.string(), settingValueSchema);

/** Mean over the runs of a setting, with its 95% t interval; deviation and interval are null for one run. */
const groupMeanSchema = z.object({
  n: z.int(),
  mean: z.number(),
  deviation: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});

const sweepRunRowSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  row: z.int(),
  seed: z.int().nullable(),
  state: runStateSchema,
  varied: variedSchema,
  progress: progressSchema.nullable(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  error: z.string().nullable(),
  /** One for each metric; null where the run has not reported it. */
  results: z.array(
    z
      .object({ last: z.number(), lastStep: z.int(), best: z.number(), bestStep: z.int() })
      .nullable(),
  ),
});

export const getSweepResponseSchema = sweepRowSchema.extend({
  createdBy: z.string(),
  spec: sweepSpecSchema,
  metrics: z.array(z.string()),
  /** Every metric that one of the runs has reported. */
  available: z.array(z.string()),
  /** By combination, then in the order of the seeds. */
  members: z.array(sweepRunRowSchema),
  /** Runs that are equal apart from their seeds, together. Means are over those that have succeeded, and null where none has. */
  groups: z.array(
    z.object({
      row: z.int(),
      varied: variedSchema,
      runs: z.int(),
      succeeded: z.int(),
      /** Mean seconds of those that have succeeded. */
      seconds: z.number().nullable(),
      results: z.array(z.object({ last: groupMeanSchema, best: groupMeanSchema }).nullable()),
    }),
  ),
});

export type SweepDetail = z.infer<typeof getSweepResponseSchema>;

export const launchSweepRequestSchema = z.object({
  /** Parsed with contracts/sweep.ts; an error names every problem by run and path. */
  spec: z.unknown(),
  /** Preset it came from, for the lists. */
  preset: z.string().max(100).nullish(),
  /** Chosen by the client: a launch that is sent twice makes one sweep. */
  key: z.string().trim().min(1).max(200),
});

export const launchSweepResponseSchema = z.object({
  id: z.uuid(),
  runs: z.int(),
  /** False where it had been launched under this key before. */
  isNew: z.boolean(),
});

export const removeSweepRequestSchema = z.object({ id: z.uuid() });

export const removeSweepResponseSchema = z.object({ runs: z.int() });

export const retrySweepRequestSchema = z.object({
  id: z.uuid(),
  cancelled: z.boolean().default(false),
});

export const retrySweepResponseSchema = z.object({ queued: z.int() });

export const sweepSeriesRequestSchema = z.object({
  id: z.uuid(),
  metric: metricNameSchema,
});

export const sweepSeriesResponseSchema = z.object({
  metric: z.string(),
  /** One curve for each combination of which a run has reported the metric. */
  curves: z.array(
    z.object({
      row: z.int(),
      points: z.array(
        z.object({
          step: z.int(),
          mean: z.number(),
          /** Ends of the 95% t interval over the runs that have a value here; null where that is one. */
          low: z.number().nullable(),
          high: z.number().nullable(),
          n: z.int(),
          /** Grows where other runs have values than before: draw no line across. */
          stretch: z.int(),
        }),
      ),
    }),
  ),
});

export type SweepSeries = z.infer<typeof sweepSeriesResponseSchema>;
