import {
  getEpisodeRequestSchema,
  episodeDetailSchema,
  listEpisodesRequestSchema,
  listEpisodesResponseSchema,
  episodeStepsRequestSchema,
  episodeStepsResponseSchema,
  turnGainsRequestSchema,
  turnGainsResponseSchema,
} from "@/contracts/api/episodes";
import { procedure, router } from "@/server/trpc/trpc";

export const episodesRouter = router({
  list: procedure
    .input(listEpisodesRequestSchema)
    .output(listEpisodesResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.list(input)),
  get: procedure
    .input(getEpisodeRequestSchema)
    .output(episodeDetailSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.get(input.id)),
  /** Which steps and phases have episodes, in order. */
  steps: procedure
    .input(episodeStepsRequestSchema)
    .output(episodeStepsResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.listSteps(input.runId)),
  turnGains: procedure
    .input(turnGainsRequestSchema)
    .output(turnGainsResponseSchema)
    .query(({ ctx, input }) => ctx.services.tasks.readTurnGains(input.episodeId)),
});
