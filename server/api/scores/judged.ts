import { z } from "zod";
import { procedure } from "../trpc";

/** Runs whose answers a judge has scored, newest first; at most 200. */
export const judgedRunsResponse = z.array(
  z.object({
    runId: z.uuid(),
    name: z.string(),
    questionSet: z.string(),
    judge: z.string(),
    judged: z.int(),
  }),
);

export const judgedRuns = procedure
  .input(z.object({}).optional())
  .output(judgedRunsResponse)
  .query(({ ctx }) => ctx.services.scoring.judgedRuns());
