import { z } from "zod";
import { listAlarmsResponseSchema } from "./alarms";
import { learningSchema } from "./learning";
import { metricColumnsSchema } from "./metrics";
import { scoreSummaryResponseSchema } from "./scores";
import { runDetailSchema } from "./runs";

export const runReportRequestSchema = z.object({ id: z.uuid() });

const reportEpisodeSchema = z.object({
  step: z.int().nullable(),
  question: z.string(),
  expected: z.array(z.string()),
  /** Queries in their order, each with the titles of the documents that were handed over of it. */
  searches: z.array(z.object({ query: z.string(), selected: z.array(z.string()) })),
  answer: z.string().nullable(),
  score: z.number().nullable(),
  /** Naive RAG on the same question. */
  baseline: z.object({ answer: z.string(), score: z.number() }).nullable(),
});

/** All that a report of a run shows. */
export const runReportResponseSchema = z.object({
  madeAt: z.date(),
  run: runDetailSchema,
  /** Paths of the settings that differ from their defaults. */
  changedSettings: z.array(z.string()),
  learning: learningSchema.nullable(),
  alarms: listAlarmsResponseSchema,
  /** At most 500 points each. */
  series: z.record(z.string(), metricColumnsSchema),
  /** Of a predict run, by scorer; null of others. */
  scores: scoreSummaryResponseSchema.nullable(),
  /** A few of the last evaluation, right ones and wrong ones. */
  episodes: z.array(reportEpisodeSchema),
});
export type RunReport = z.infer<typeof runReportResponseSchema>;
