import { z } from "zod";
import { procedure } from "../trpc";
import { attributionShares, ceiling } from "./get";

export const runStatisticsResponse = z.array(
  z.object({
    questionSet: z.string(),
    generator: z.string(),
    promptStyle: z.string(),
    scorer: z.string(),
    answered: z.int(),
    scored: z.int(),
    mean: z.number(),
    low: z.number(),
    high: z.number(),
    clusters: z.int().nullable(),
    attribution: attributionShares,
    /** Of a run on the gold documents with the same questions, corpus, generator and scorer; null where there is none. */
    ceiling: ceiling.nullable(),
  }),
);

/** Statistics of one predict run, one for each scorer and generator. */
export const runStatistics = procedure
  .input(z.object({ runId: z.uuid() }))
  .output(runStatisticsResponse)
  .query(({ ctx, input }) => ctx.services.leaderboard.ofRun(input.runId));
