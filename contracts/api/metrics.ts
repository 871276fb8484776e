import { z } from "zod";
import { metricNameSchema } from "@/contracts/records/metric-point";

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

/**
 * Points of a series in the order in which they were reported, column by column. Where there are more points than were
 * asked for, neighbours share an entry: their mean, with their extremes and how many they are. The last three columns
 * are left out where every entry is one reported point.
 */
export const metricColumnsSchema = z.object({
  /** Last step of the entry. */
  steps: z.array(z.int()),
  /** When it was reported: milliseconds since the epoch. */
  ats: z.array(z.number()),
  values: z.array(z.number()),
  mins: z.array(z.number()).optional(),
  maxs: z.array(z.number()).optional(),
  /** How many reported points the entry combines. */
  counts: z.array(z.int()).optional(),
});
export type MetricColumns = z.infer<typeof metricColumnsSchema>;

/** One entry of a series as a row, for files. */
export const metricPointRowSchema = z.object({
  step: z.int(),
  at: z.date(),
  value: z.number(),
  min: z.number(),
  max: z.number(),
  count: z.int(),
});

/** How far a run's metrics were read. Its text means nothing to a client. */
const metricCursorSchema = z.string().max(100);

const namesSchema = z.array(metricNameSchema).min(1).max(100);

const readingShape = {
  names: namesSchema,
  /** Of each series. */
  maxPoints: z.int().min(2).max(2000).default(500),
  /** Only entries that reach into these steps, both ends included, with so many points of their own. */
  from: z.int32().optional(),
  to: z.int32().optional(),
};

export const metricSeriesRequestSchema = z.object({
  runId: z.uuid(),
  ...readingShape,
  /** Only what was reported after the answer that this cursor came with, for the same names. */
  since: metricCursorSchema.optional(),
});

export const metricSeriesResponseSchema = z.object({
  cursor: metricCursorSchema,
  /**
   * True: these are the whole series. False: only the points that were reported after `since`, to be put behind those
   * that are there; a name without a new point is left out.
   */
  whole: z.boolean(),
  series: z.record(z.string(), metricColumnsSchema),
});
export type MetricSeries = z.infer<typeof metricSeriesResponseSchema>;

/** The same of several runs at once; `since` holds the cursor of each run that has one. */
export const metricSeriesOfRunsRequestSchema = z.object({
  runIds: z.array(z.uuid()).min(1).max(200),
  ...readingShape,
  since: z.record(z.uuid(), metricCursorSchema).default({}),
});

const dropRepeated = (names: string[]): string[] => [...new Set(names)];

/** What is read of reported points; no name: all metrics. */
export const reportedPointsQuerySchema = z.object({
  runIds: z.array(z.uuid()).min(1).max(200).transform(dropRepeated),
  names: z.array(metricNameSchema).max(100).transform(dropRepeated),
});
export type ReportedPointsQuery = z.output<typeof reportedPointsQuerySchema>;

/** By run; every run that was asked for is there. */
export const metricSeriesOfRunsResponseSchema = z.record(z.uuid(), metricSeriesResponseSchema);
