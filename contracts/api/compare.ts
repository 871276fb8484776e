import { z } from "zod";
import { comparabilityReasonSchema } from "@/contracts/records/comparability";
import { attributionSchema } from "@/contracts/records/episode";
import { figurePartFields, pairedComparisonSchema } from "@/contracts/api/leaderboard";
import { rowIdSchema } from "./row-id";

export const checkpointsRequestSchema = z.object({
  /** A training run. */
  runId: z.uuid(),
  questionId: z.string().max(500),
});

/** The held-out episodes of one question, by the step after which they were searched. */
export const checkpointsResponseSchema = z.array(
  z.object({
    episodeId: z.uuid(),
    step: z.int(),
    answer: z.string().nullable(),
    score: z.number().nullable(),
    baselineScore: z.number().nullable(),
    searches: z.int().nullable(),
    documents: z.int(),
    attribution: attributionSchema.nullable(),
  }),
);

const comparedRunsSchema = z
  .array(z.uuid())
  .min(2, "choose at least two runs")
  .max(6, "six runs at most")
  .refine((ids) => new Set(ids).size === ids.length, "the same run is there twice");

export const compareRequestSchema = z.object({
  runs: comparedRunsSchema,
  /** Absent: the scorer that all of them have, the runs' own before others. */
  scorer: z.string().max(200).nullish(),
});

export const compareResponseSchema = z.object({
  runs: z.array(
    z.object({
      id: z.uuid(),
      name: z.string(),
      method: z.string(),
      label: z.string(),
      detail: z.string(),
      imported: z.boolean(),
      scored: z.int(),
      expected: z.int(),
      mean: z.number(),
      low: z.number(),
      high: z.number(),
      ...figurePartFields,
      generator: z.string(),
      /** Mean over the questions of which it is known; null: of none. */
      searches: z.number().nullable(),
      documents: z.number(),
    }),
  ),
  questionSet: z.string(),
  scorer: z.string(),
  /** Scorers that every run has scores of. */
  scorers: z.array(z.string()),
  /** Why the runs have no common rank; empty where they have one. */
  differences: z.array(z.object({ runId: z.uuid(), reasons: z.array(comparabilityReasonSchema) })),
  /** Questions that every run has scored. */
  common: z.int(),
  /** How many of them each set of runs answers right: bit i of the mask is run i. */
  patterns: z.array(z.object({ mask: z.int(), questions: z.int() })),
  /** Every pair, first minus second; p-values also corrected over all pairs. */
  pairs: z.array(
    pairedComparisonSchema.extend({
      first: z.int(),
      second: z.int(),
      bootstrapHolm: z.number(),
      mcNemarHolm: z.number().nullable(),
    }),
  ),
});

export const compareQuestionsRequestSchema = z.object({
  runs: comparedRunsSchema,
  scorer: z.string().max(200),
  /** Runs (by position) that must be right, and wrong; the others may be either. */
  right: z.array(z.int().min(0).max(5)).default([]),
  wrong: z.array(z.int().min(0).max(5)).default([]),
  /** Part of the question or of an answer. */
  text: z.string().max(200).optional(),
  cursor: rowIdSchema.nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const compareQuestionsResponseSchema = z.object({
  rows: z.array(
    z.object({
      id: z.string(),
      question: z.string(),
      answers: z.array(z.string()),
      /** In the order of the runs. */
      results: z.array(
        z.object({
          episodeId: z.uuid(),
          answer: z.string(),
          score: z.number(),
          searches: z.int().nullable(),
          documents: z.int(),
          attribution: attributionSchema.nullable(),
        }),
      ),
    }),
  ),
  nextCursor: z.string().nullable(),
  total: z.int(),
});
