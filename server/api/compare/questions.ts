import { z } from "zod";
import { attribution } from "@/contracts/episode";
import { procedure } from "../trpc";
import { comparedRuns } from "./get";

export const compareQuestionsRequest = z.object({
  runs: comparedRuns,
  scorer: z.string().max(200),
  /** Runs (by position) that must be right, and wrong; the others may be either. */
  right: z.array(z.int().min(0).max(5)).default([]),
  wrong: z.array(z.int().min(0).max(5)).default([]),
  /** Part of the question or of an answer. */
  text: z.string().max(200).optional(),
  cursor: z.string().regex(/^\d+$/).nullish(),
  limit: z.int().min(1).max(200).default(50),
});

export const compareQuestionsResponse = z.object({
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
          searches: z.int(),
          documents: z.int(),
          attribution: attribution.nullable(),
        }),
      ),
    }),
  ),
  nextCursor: z.string().nullable(),
  total: z.int(),
});

export const compareQuestions = procedure
  .input(compareQuestionsRequest)
  .output(compareQuestionsResponse)
  .query(({ ctx, input }) => ctx.services.compare.questions(input));
