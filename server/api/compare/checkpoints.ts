import { z } from "zod";
import { attribution } from "@/contracts/episode";
import { procedure } from "../trpc";

export const checkpointsRequest = z.object({
  /** A training run. */
  runId: z.uuid(),
  questionId: z.string().max(500),
});

/** The held-out episodes of one question, by the step after which they were searched. */
export const checkpointsResponse = z.array(
  z.object({
    episodeId: z.uuid(),
    step: z.int(),
    answer: z.string().nullable(),
    score: z.number().nullable(),
    baselineScore: z.number().nullable(),
    searches: z.int(),
    documents: z.int(),
    attribution: attribution.nullable(),
  }),
);

export const compareCheckpoints = procedure
  .input(checkpointsRequest)
  .output(checkpointsResponse)
  .query(({ ctx, input }) => ctx.services.compare.checkpoints(input));
