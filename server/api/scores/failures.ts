import { z } from "zod";
import { procedure } from "../trpc";
import { scoreRunRequest } from "./summary";

export const scoreFailuresResponse = z.array(
  z.object({
    questionId: z.string(),
    question: z.string(),
    code: z.string(),
    reason: z.string(),
    tries: z.int(),
    attempt: z.int(),
    at: z.date(),
  }),
);

/** The first 1,000 questions that a run could not answer, with the last reason; resuming the run tries those alone. */
export const scoreFailures = procedure
  .input(scoreRunRequest)
  .output(scoreFailuresResponse)
  .query(({ ctx, input }) => ctx.services.scoring.failures(input.runId));
