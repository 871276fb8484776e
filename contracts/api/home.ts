import { z } from "zod";
import { alarmNameSchema } from "@/contracts/records/alarms";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { figurePartFields } from "./leaderboard";
import { progressSchema } from "@/contracts/worker-protocol/reports";

export const homeActivityRequestSchema = z.object({
  /** End of the last visit: runs that ended later are counted. */
  since: z.date(),
});

/** A run as the home page shows it. */
const homeRunSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  progress: progressSchema.nullable(),
  /** Last value of the metric that stands for runs of its kind. */
  headline: z.number().nullable(),
  error: z.string().nullable(),
});
export type HomeRun = z.infer<typeof homeRunSchema>;

export const homeActivityResponseSchema = z.object({
  /** Runs that are not at their end: those that a worker has first, then those that wait. */
  active: z.array(homeRunSchema),
  /** All of them, also those that are not listed. */
  activeCount: z.int(),
  /** The runs that ended last. */
  ended: z.array(homeRunSchema),
  /** Runs that ended since the last visit, also those that are not listed. */
  endedCount: z.int(),
  /** Alarms that are raised now in runs that are not at their end, ended last or ended since the last visit. */
  alarms: z.array(z.object({ runId: z.uuid(), run: z.string(), name: alarmNameSchema })),
  /** Runs of this project in any state. */
  runs: z.int(),
  workers: z.array(
    z.object({
      id: z.uuid(),
      name: z.string(),
      state: z.enum(["online", "offline"]),
      runs: z.int(),
    }),
  ),
});

export const homeResultsResponseSchema = z.object({
  /** Runs of the example that were not deleted. */
  exampleRuns: z.array(z.uuid()),
  /** The best complete result on each question set, in the scope that has most results with it. */
  best: z.array(
    z.object({
      questionSet: z.string(),
      corpus: z.string(),
      generator: z.string(),
      scorer: z.string(),
      /** Key of its scope on the leaderboard. */
      scope: z.string(),
      label: z.string(),
      runId: z.uuid(),
      mean: z.number(),
      low: z.number(),
      high: z.number(),
      ...figurePartFields,
      /** Complete results that it was chosen among. */
      results: z.int(),
    }),
  ),
  /** What has been done once. */
  done: z.object({
    indexed: z.boolean(),
    trained: z.boolean(),
    evaluated: z.boolean(),
    compared: z.boolean(),
  }),
});
export type HomeBest = z.infer<typeof homeResultsResponseSchema>["best"][number];
