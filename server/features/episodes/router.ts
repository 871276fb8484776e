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

const getEpisode = procedure
  .input(getEpisodeRequestSchema)
  .output(episodeDetailSchema)
  .query(({ ctx, input }) => ctx.services.episodeReader.get(input.id));

const listEpisodes = procedure
  .input(listEpisodesRequestSchema)
  .output(listEpisodesResponseSchema)
  .query(({ ctx, input }) => ctx.services.episodeReader.list(input));

/** Which steps and phases have episodes, in order. */
const episodeSteps = procedure
  .input(episodeStepsRequestSchema)
  .output(episodeStepsResponseSchema)
  .query(({ ctx, input }) => ctx.services.episodeReader.listSteps(input.runId));

const turnGains = procedure
  .input(turnGainsRequestSchema)
  .output(turnGainsResponseSchema)
  .query(({ ctx, input }) => ctx.services.tasks.readTurnGains(input.episodeId));

export const episodesRouter = router({
  list: listEpisodes,
  get: getEpisode,
  steps: episodeSteps,
  turnGains,
});
