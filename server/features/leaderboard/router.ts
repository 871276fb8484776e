import {
  leaderboardRequestSchema,
  leaderboardResponseSchema,
  planRequestSchema,
  planResponseSchema,
  launchMethodsRequestSchema,
  launchMethodsResponseSchema,
  runStatisticsResponseSchema,
} from "@/contracts/api/leaderboard";
import { z } from "zod";
import { publishedResultsSchema } from "@/contracts/formats/published-results";
import { procedure, router } from "@/server/trpc/trpc";

export const leaderboardRouter = router({
  get: procedure
    .input(leaderboardRequestSchema)
    .output(leaderboardResponseSchema)
    .query(({ ctx, input }) => ctx.services.leaderboard.get(input)),
  /** What the comparison of two rows varies by, for planning a finer one. */
  plan: procedure
    .input(planRequestSchema)
    .output(planResponseSchema)
    .query(({ ctx, input }) => ctx.services.leaderboard.plan(input)),
  /** The paper's tables, as printed. */
  published: procedure
    .input(z.object({}).optional())
    .output(publishedResultsSchema)
    .query(({ ctx }) => ctx.services.leaderboard.readPublished()),
  /** Queues the predict runs that are missing, with the settings that make them comparable. */
  launch: procedure
    .input(launchMethodsRequestSchema)
    .output(launchMethodsResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.leaderboard.launch(input, ctx.actor)),
  /** Statistics of one predict run, one for each scorer and generator. */
  run: procedure
    .input(z.object({ runId: z.uuid() }))
    .output(runStatisticsResponseSchema)
    .query(({ ctx, input }) => ctx.services.leaderboard.readRunStatistics(input.runId)),
});
