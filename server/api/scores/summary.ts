import { z } from "zod";
import { procedure } from "../trpc";

export const scoreRunRequest = z.object({ runId: z.uuid() });
export const scoreSummaryResponse = z.object({
  /** Questions that the run is to answer. */
  questions: z.int(),
  answered: z.int(),
  /** Without an answer: not counted by any mean. */
  missing: z.int(),
  /** Missing ones that were tried and failed. */
  failed: z.int(),
  /** Mean over the answers that the scorer has scored. */
  scorers: z.array(z.object({ scorer: z.string(), scored: z.int(), mean: z.number() })),
});

export const scoreSummary = procedure
  .input(scoreRunRequest)
  .output(scoreSummaryResponse)
  .query(({ ctx, input }) => ctx.services.scoring.summary(input.runId));
