import { z } from "zod";
import { procedure } from "../trpc";

export const labelScoreRequest = z.object({
  answerId: z.string().regex(/^\d+$/),
  setId: z.uuid(),
  questionId: z.string().min(1),
  /** null takes the label back. */ correct: z.boolean().nullable(),
});

/** A person says whether an answer is right. */
export const labelScore = procedure
  .input(labelScoreRequest)
  .output(z.object({}))
  .mutation(async ({ ctx, input }) => {
    await ctx.services.scoring.label(input, ctx.actor);
    return {};
  });
