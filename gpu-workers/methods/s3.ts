import type { ForcedTurn } from "@/contracts/worker-protocol/tasks";
import { computeEpisodeKey } from "@/gpu-workers/searcher/episode-key";
import { runEpisodes } from "@/gpu-workers/searcher/episode";
import type {
  SamplingParameters,
  SearchEnvironment,
  Searcher,
} from "@/gpu-workers/searcher/episode-inputs";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import type { ModelMethod } from "@/gpu-workers/searcher/method";

/**
 * The search loop with one searcher, one episode per question. Upstream validates at temperature 0.6, the paper greedily.
 * `forced`: what is given of the first turns of every episode.
 */
export function createS3Method(
  searcher: Searcher,
  search: SearchEnvironment,
  seed: number,
  forced: readonly ForcedTurn[] = [],
): ModelMethod {
  const sampling: SamplingParameters = {
    temperature: getInferenceTemperature(search.settings.protocol),
    seed,
    step: 0,
    training: false,
  };
  return {
    name: "s3",
    ownAnswerLabel: null,
    computeEpisodeKey: (question) =>
      computeEpisodeKey(searcher, search, sampling, { question, sampleIndex: 0 }),
    run: (questions, signal, onSteps) =>
      runEpisodes(
        searcher,
        search,
        sampling,
        questions.map((question) => ({ question, sampleIndex: 0, forced, onSteps })),
        new Stopwatch(),
        signal,
      ),
  };
}

/** Sampling temperature outside training. */
const getInferenceTemperature = (protocol: SearchEnvironment["settings"]["protocol"]): number =>
  protocol === "upstream" ? 0.6 : 0;
