import type { ForcedTurn } from "@/contracts/worker-protocol/tasks";
import { computeEpisodeKey } from "@/gpu-workers/searcher/episode-key";
import { runEpisodes } from "@/gpu-workers/searcher/episode";
import type {
  SamplingParameters,
  SearchEnvironment,
  Searcher,
} from "@/gpu-workers/searcher/episode-inputs";
import { resolveSampling, type TokenSampling } from "@/contracts/run-config/sampling";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import type { ModelMethod } from "@/gpu-workers/searcher/method";

/**
 * The search loop with one searcher, one episode per question. Upstream validates at temperature 0.6 and top_p 0.95, the
 * paper greedily, unless the run's settings say otherwise.
 *
 * `forced`: what is given of the first turns of every episode.
 */
export function createS3Method(
  searcher: Searcher,
  search: SearchEnvironment,
  seed: number,
  forced: readonly ForcedTurn[] = [],
  settings: Parameters<typeof resolveSampling>[0] = {},
): ModelMethod {
  const sampling: SamplingParameters = {
    ...resolveSampling(settings, S3_SAMPLING[search.settings.protocol]),
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

/** Sampling outside training, by protocol. */
export const S3_SAMPLING: Readonly<
  Record<SearchEnvironment["settings"]["protocol"], Pick<TokenSampling, "temperature" | "topP">>
> = { paper: { temperature: 0 }, upstream: { temperature: 0.6, topP: 0.95 } };
