import { z } from "zod";
import { procedure } from "../trpc";
import { scoreRunRequest } from "./summary";

export const rescoreResponse = z.object({ added: z.int() });

/** Scores a run's stored answers by every rule (span, exact match, F1, option letter). A judge needs a run: reuse.keepAnswers. */
export const rescore = procedure
  .input(scoreRunRequest)
  .output(rescoreResponse)
  .mutation(({ ctx, input }) => ctx.services.scoring.rescore(input.runId));
