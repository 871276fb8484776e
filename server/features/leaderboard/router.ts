import {
  leaderboardRequestSchema,
  leaderboardResponseSchema,
  launchMethodsRequestSchema,
  launchMethodsResponseSchema,
  runStatisticsResponseSchema,
} from "@/contracts/api/leaderboard";
import { z } from "zod";
import { publishedResultsSchema } from "@/contracts/formats/published-results";
import { procedure, router } from "@/server/trpc/trpc";

const getLeaderboard = procedure
  .input(leaderboardRequestSchema)
  .output(leaderboardResponseSchema)
  .query(({ ctx, input }) => ctx.services.leaderboard.get(input));

/** Queues the predict runs that are missing, with the settings that make them comparable. */
const launchMethods = procedure
  .input(launchMethodsRequestSchema)
  .output(launchMethodsResponseSchema)
  .mutation(({ ctx, input }) => ctx.services.leaderboard.launch(input, ctx.actor));

/** The paper's tables, as printed. */
const publishedTables = procedure
  .input(z.object({}).optional())
  .output(publishedResultsSchema)
  .query(({ ctx }) => ctx.services.leaderboard.readPublished());

/** Statistics of one predict run, one for each scorer and generator. */
const runStatistics = procedure
  .input(z.object({ runId: z.uuid() }))
  .output(runStatisticsResponseSchema)
  .query(({ ctx, input }) => ctx.services.leaderboard.readRunStatistics(input.runId));

export const leaderboardRouter = router({
  get: getLeaderboard,
  published: publishedTables,
  launch: launchMethods,
  run: runStatistics,
});
