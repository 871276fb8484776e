import { z } from "zod";
import { procedure } from "../trpc";
import { comparedRuns } from "./compare";

export const rankedQuestionsRequest = z.object({
  runIds: comparedRuns,
  /** A question counts as found where all its gold documents are among the first `k`. */
  k: z.int().min(1).max(1000).default(10),
  /** Only questions that this run found. */
  foundBy: z.uuid().optional(),
  /** Only questions that this run did not find. */
  missedBy: z.uuid().optional(),
  type: z.string().optional(),
  hops: z.int().positive().optional(),
  /** Part of the question. */
  text: z.string().max(200).optional(),
  cursor: z.int().nonnegative().nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const rankedQuestionsResponse = z.object({
  rows: z.array(
    z.object({
      questionId: z.string(),
      question: z.string(),
      type: z.string().nullable(),
      /** Gold documents that the question names. */
      hops: z.int(),
      /** In the order of the request: the ranks of the gold documents that the run found, to its whole depth. */
      runs: z.array(z.object({ episodeId: z.uuid(), ranks: z.array(z.int()), found: z.boolean() })),
    }),
  ),
  nextCursor: z.int().nullable(),
  total: z.int(),
});
export type RankedQuestions = z.infer<typeof rankedQuestionsResponse>;

/** The questions that every run has ranked, with where their gold documents stand. */
export const rankedQuestions = procedure
  .input(rankedQuestionsRequest)
  .output(rankedQuestionsResponse)
  .query(({ ctx, input }) => ctx.services.retrievalEvaluation.questions(input));
