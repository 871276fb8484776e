import {
  commonQuestionsRequestSchema,
  commonQuestionsResponseSchema,
  getEpisodeRequestSchema,
  episodeDetailSchema,
  listEpisodesRequestSchema,
  listEpisodesResponseSchema,
  summarizeEpisodesRequestSchema,
  summarizeEpisodesResponseSchema,
  episodeNeighboursRequestSchema,
  episodeNeighboursResponseSchema,
  episodeFacetsResponseSchema,
  episodeStepsRequestSchema,
  episodeStepsResponseSchema,
  turnGainsRequestSchema,
  turnGainsResponseSchema,
} from "@/contracts/api/episodes";
import { passRatesRequestSchema, passRatesResponseSchema } from "@/contracts/api/pass-rates";
import { procedure, router } from "@/server/trpc/trpc";

export const episodesRouter = router({
  list: procedure
    .input(listEpisodesRequestSchema)
    .output(listEpisodesResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.list(input)),
  /** How many match, and a histogram of a measure. */
  summary: procedure
    .input(summarizeEpisodesRequestSchema)
    .output(summarizeEpisodesResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.summarize(input)),
  /** What is before and after an episode in a filtered list. */
  neighbours: procedure
    .input(episodeNeighboursRequestSchema)
    .output(episodeNeighboursResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.findNeighbours(input)),
  facets: procedure
    .input(episodeStepsRequestSchema)
    .output(episodeFacetsResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.listFacets(input.runId)),
  get: procedure
    .input(getEpisodeRequestSchema)
    .output(episodeDetailSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.get(input.id)),
  /** Which steps and phases have episodes, in order. */
  steps: procedure
    .input(episodeStepsRequestSchema)
    .output(episodeStepsResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.listSteps(input.runId)),
  /** How every question of a training run fares over its steps. */
  passRates: procedure
    .input(passRatesRequestSchema)
    .output(passRatesResponseSchema)
    .query(({ ctx, input }) => ctx.services.passRates.list(input)),
  /** The questions that two runs have in common, with the newest episode of each. */
  common: procedure
    .input(commonQuestionsRequestSchema)
    .output(commonQuestionsResponseSchema)
    .query(({ ctx, input }) => ctx.services.episodeReader.listCommonQuestions(input)),
  turnGains: procedure
    .input(turnGainsRequestSchema)
    .output(turnGainsResponseSchema)
    .query(({ ctx, input }) => ctx.services.tasks.readTurnGains(input.episodeId)),
});
