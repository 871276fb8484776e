import { z } from "zod";
import { pairedComparison } from "../leaderboard/get";
import { procedure } from "../trpc";

export const comparedRuns = z
  .array(z.uuid())
  .min(2, "choose at least two runs")
  .max(6, "six runs at most")
  .refine((ids) => new Set(ids).size === ids.length, "the same run is there twice");

export const compareRequest = z.object({
  runs: comparedRuns,
  /** Absent: the scorer that all of them have, the runs' own before others. */
  scorer: z.string().max(200).nullish(),
});

export const compareResponse = z.object({
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
      generator: z.string(),
      searches: z.number(),
      documents: z.number(),
    }),
  ),
  questionSet: z.string(),
  scorer: z.string(),
  /** Scorers that every run has scores of. */
  scorers: z.array(z.string()),
  /** Why the runs have no common rank; empty where they have one. */
  differences: z.array(z.object({ runId: z.uuid(), reasons: z.array(z.string()) })),
  /** Questions that every run has scored. */
  common: z.int(),
  /** How many of them each set of runs answers right: bit i of the mask is run i. */
  patterns: z.array(z.object({ mask: z.int(), questions: z.int() })),
  /** Every pair, first minus second; p-values also corrected over all pairs. */
  pairs: z.array(
    pairedComparison.extend({
      first: z.int(),
      second: z.int(),
      bootstrapHolm: z.number(),
      mcNemarHolm: z.number().nullable(),
    }),
  ),
});

export const compareRuns = procedure
  .input(compareRequest)
  .output(compareResponse)
  .query(({ ctx, input }) => ctx.services.compare.get(input));
