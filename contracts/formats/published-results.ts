import { z } from "zod";
import { PUBLISHED_METRICS } from "./published-metrics";

/** Results as the s3 paper prints them, in percent: shown next to results of our own, never ranked with them. */

export const publishedMetricSchema = z.enum(PUBLISHED_METRICS);
export type PublishedMetric = z.infer<typeof publishedMetricSchema>;

const figuresSchema = z.partialRecord(publishedMetricSchema, z.number());

const publishedRowSchema = z.object({
  table: z.string(),
  method: z.string(),
  searcher: z.string().nullable(),
  trainingSamples: z.int(),
  generator: z.string(),
  corpus: z.string(),
  /** By question set. */
  scores: z.record(z.string(), figuresSchema),
  /** As printed; see core/comparability/published-results.ts. */
  average: figuresSchema,
});
export type PublishedRow = z.infer<typeof publishedRowSchema>;

export const publishedResultsSchema = z.object({
  source: z.object({
    title: z.string(),
    authors: z.string(),
    year: z.int(),
    identifier: z.string(),
  }),
  /** Number of questions of each set. */
  questions: z.record(z.string(), z.int()),
  rows: z.array(publishedRowSchema),
  /** Retrieve-select-turns settings; the last column is the printed average. */
  settings: z.object({
    table: z.string(),
    generator: z.string(),
    metric: publishedMetricSchema,
    columns: z.array(z.string()),
    rows: z.record(z.string(), z.array(z.number())),
  }),
  trainingCost: z.object({
    table: z.string(),
    hardware: z.string(),
    rows: z.array(
      z.object({
        method: z.string(),
        minutesPerStep: z.number(),
        steps: z.int(),
        minutes: z.number(),
      }),
    ),
  }),
  rewardFunctions: z.object({
    table: z.string(),
    columns: z.array(z.string()),
    rows: z.record(z.string(), z.array(z.number())),
  }),
  agreement: z.object({
    questions: z.int(),
    accurateGivenRight: z.number(),
    accurateGivenWrong: z.number(),
    exactMatchCaptures: z.number(),
  }),
  /** What does not fit together in the tables and cannot be found by recomputing averages. */
  notes: z.array(z.string()),
});
export type PublishedResults = z.infer<typeof publishedResultsSchema>;
