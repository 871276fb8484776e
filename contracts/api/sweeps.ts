import { z } from "zod";
import { runKind, runState } from "@/contracts/records/run-state";
import { settingValue, sweepSpec } from "@/contracts/run-config/sweep";
import { progress } from "@/contracts/worker-protocol/worker-protocol";

export const cancelSweepRequest = z.object({
  id: z.uuid(),
  reason: z.string().max(1000).nullish(),
});

export const cancelSweepResponse = z.object({
  cancelled: z.int(),
  /** Held by a worker: cancelling until it has let go. */
  cancelling: z.int(),
});

export const listSweepsRequest = z.object({
  cursor: z.string().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const sweepRow = z.object({
  id: z.uuid(),
  name: z.string(),
  createdAt: z.date(),
  preset: z.string().nullable(),
  kind: runKind,
  /** Settings that vary. */
  paths: z.array(z.string()),
  seeds: z.array(z.int()),
  runs: z.int(),
  /** Runs per state. */
  counts: z.partialRecord(runState, z.int()),
});

export type SweepRow = z.infer<typeof sweepRow>;

export const listSweepsResponse = z.object({
  rows: z.array(sweepRow),
  nextCursor: z.string().nullable(),
});

export const metricNames = z.array(z.string().min(1).max(120)).max(6);

export const getSweepRequest = z.object({
  id: z.uuid(),
  /** Metrics of the table; none: those that stand for this kind of run. */
  metrics: metricNames.default([]),
});

const varied = z.record(z.string(), settingValue);

/** Mean over the runs of a setting, with its 95% t interval; deviation and interval are null for one run. */
export const groupMean = z.object({
  n: z.int(),
  mean: z.number(),
  deviation: z.number().nullable(),
  low: z.number().nullable(),
  high: z.number().nullable(),
});

export type GroupMean = z.infer<typeof groupMean>;

export const sweepRunRow = z.object({
  id: z.uuid(),
  name: z.string(),
  row: z.int(),
  seed: z.int().nullable(),
  state: runState,
  varied,
  progress: progress.nullable(),
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

export const getSweepResponse = sweepRow.extend({
  createdBy: z.string(),
  spec: sweepSpec,
  metrics: z.array(z.string()),
  /** Every metric that one of the runs has reported. */
  available: z.array(z.string()),
  /** By combination, then in the order of the seeds. */
  members: z.array(sweepRunRow),
  /** Runs that are equal apart from their seeds, together. Means are over those that have succeeded, and null where none has. */
  groups: z.array(
    z.object({
      row: z.int(),
      varied,
      runs: z.int(),
      succeeded: z.int(),
      /** Mean seconds of those that have succeeded. */
      seconds: z.number().nullable(),
      results: z.array(z.object({ last: groupMean, best: groupMean }).nullable()),
    }),
  ),
});

export type SweepDetail = z.infer<typeof getSweepResponse>;

export const launchSweepRequest = z.object({
  /** Parsed with contracts/sweep.ts; an error names every problem by run and path. */
  spec: z.unknown(),
  /** Preset it came from, for the lists. */
  preset: z.string().max(100).nullish(),
  /** Chosen by the client: a launch that is sent twice makes one sweep. */
  key: z.string().trim().min(1).max(200),
});

export const launchSweepResponse = z.object({
  id: z.uuid(),
  runs: z.int(),
  /** False where it had been launched under this key before. */
  isNew: z.boolean(),
});

export const removeSweepRequest = z.object({ id: z.uuid() });

export const removeSweepResponse = z.object({ runs: z.int() });

export const retrySweepRequest = z.object({ id: z.uuid(), cancelled: z.boolean().default(false) });

export const retrySweepResponse = z.object({ queued: z.int() });

export const sweepSeriesRequest = z.object({
  id: z.uuid(),
  metric: z.string().min(1).max(120),
  /** Over all curves together. */
  maxPoints: z.int().min(2).max(2000).default(2000),
});

export const sweepSeriesResponse = z.object({
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

export type SweepSeries = z.infer<typeof sweepSeriesResponse>;
