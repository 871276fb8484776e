import { z } from "zod";
import { procedure } from "../trpc";

export const disagreementsRequest = z.object({
  runId: z.uuid(),
  /** Only those that nobody has labelled. */ unlabelled: z.boolean().default(false),
  cursor: z.string().regex(/^\d+$/).nullish(),
  limit: z.int().min(1).max(500).default(100),
});
export const disagreementsResponse = z.object({
  rows: z.array(
    z.object({
      episodeId: z.uuid(),
      answerId: z.string(),
      setId: z.uuid(),
      questionId: z.string(),
      question: z.string(),
      golds: z.array(z.string()),
      answer: z.string(),
      judge: z.string(),
      judged: z.boolean(),
      span: z.boolean(),
      /** What the last person said; null: nobody yet. */
      label: z.boolean().nullable(),
    }),
  ),
  nextCursor: z.string().nullable(),
});

/** Answers on which judge and span rule differ, in the order of the episodes. */
export const disagreements = procedure
  .input(disagreementsRequest)
  .output(disagreementsResponse)
  .query(({ ctx, input }) => ctx.services.scoring.disagreements(input));
