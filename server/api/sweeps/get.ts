import { z } from "zod";
import { runState } from "@/contracts/run-state";
import { settingValue, sweepSpec } from "@/contracts/sweep";
import { progress } from "@/contracts/worker-protocol";
import { procedure } from "../trpc";
import { sweepRow } from "./list";

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

export const getSweep = procedure
  .input(getSweepRequest)
  .output(getSweepResponse)
  .query(({ ctx, input }) => ctx.services.sweepReader.get(input));
