import {
  getEpisodeRequest,
  episodeDetail,
  listEpisodesRequest,
  listEpisodesResponse,
  episodeStepsRequest,
  episodeStepsResponse,
  turnGainsRequest,
  turnGainsResponse,
} from "@/contracts/api/episodes";
import { procedure, router } from "@/server/trpc/trpc";

const getEpisode = procedure
  .input(getEpisodeRequest)
  .output(episodeDetail)
  .query(({ ctx, input }) => ctx.services.episodes.get(input.id));

const listEpisodes = procedure
  .input(listEpisodesRequest)
  .output(listEpisodesResponse)
  .query(({ ctx, input }) => ctx.services.episodes.list(input));

/** Which steps and phases have episodes, in order. */
const episodeSteps = procedure
  .input(episodeStepsRequest)
  .output(episodeStepsResponse)
  .query(({ ctx, input }) => ctx.services.episodes.steps(input.runId));

const turnGains = procedure
  .input(turnGainsRequest)
  .output(turnGainsResponse)
  .query(({ ctx, input }) => ctx.services.tasks.turnGains(input.episodeId));

export const episodesRouter = router({
  list: listEpisodes,
  get: getEpisode,
  steps: episodeSteps,
  turnGains,
});
