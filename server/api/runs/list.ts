import { z } from "zod";
import { alarmName } from "@/contracts/alarms";
import { runKind, runState } from "@/contracts/run-state";
import { progress } from "@/contracts/worker-protocol";
import { procedure } from "../trpc";

export const runSort = z.enum(["newest", "oldest", "name", "reward", "duration"]);

export const listRunsRequest = z.object({
  states: z.array(runState).optional(),
  kinds: z.array(runKind).optional(),
  /** Part of the name, or the beginning of the id. */
  text: z.string().max(200).optional(),
  /** One row for each sweep: its first run that the filter lets through stands for all of them. */
  foldSweeps: z.boolean().default(false),
  sort: runSort.default("newest"),
  cursor: z.string().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const runRow = z.object({
  id: z.uuid(),
  name: z.string(),
  kind: runKind,
  state: runState,
  createdAt: z.date(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  attempt: z.int(),
  progress: progress.nullable(),
  /** Metric that the row shows: reward/mean of a train run, predict/accuracy of a predict run. */
  headline: z.object({
    metric: z.string(),
    value: z.number().nullable(),
    sparkline: z.array(z.object({ step: z.number(), value: z.number() })),
  }),
  worker: z.object({ id: z.uuid(), name: z.string() }).nullable(),
  preset: z.string().nullable(),
  /** Searcher model, or the generator's for naive RAG; null for index and serve runs. */
  model: z.string().nullable(),
  /** null where a model is served. */
  corpus: z.string().nullable(),
  /** The retrieve-select-turns setting, e.g. "8-3-3"; null where there is none. */
  setting: z.string().nullable(),
  error: z.string().nullable(),
  /** Sweep that it belongs to, with the states of all its runs. */
  sweep: z
    .object({ id: z.uuid(), name: z.string(), counts: z.partialRecord(runState, z.int()) })
    .nullable(),
  /** Another program's files that the run was made of; null: it was executed or observed here. */
  importedFrom: z.string().nullable(),
  /** Alarms that stand. */
  alarms: z.array(alarmName),
});
export type RunRow = z.infer<typeof runRow>;

export const listRunsResponse = z.object({
  rows: z.array(runRow),
  nextCursor: z.string().nullable(),
  /** Runs per state over everything, regardless of the filter. */
  counts: z.partialRecord(runState, z.int()),
});

export const listRuns = procedure
  .input(listRunsRequest)
  .output(listRunsResponse)
  .query(({ ctx, input }) => ctx.services.runReader.list(input));
