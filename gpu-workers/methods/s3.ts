import {
  episodeKey,
  runEpisodes,
  type Sampling,
  type Search,
  type Searcher,
} from "@/gpu-workers/searcher/episode";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";
import type { AskingMethod } from "@/gpu-workers/searcher/method";

/** The search loop with one searcher, one episode per question. Upstream validates at temperature 0.6, the paper greedily. */
export function s3Method(searcher: Searcher, search: Search, seed: number): AskingMethod {
  const sampling: Sampling = {
    temperature: inferenceTemperature(search.settings.protocol),
    seed,
    step: 0,
    training: false,
  };
  return {
    name: "s3",
    answersAs: null,
    keyOf: (question) => episodeKey(searcher, search, sampling, { question, sampleIndex: 0 }),
    run: (questions, signal) =>
      runEpisodes(
        searcher,
        search,
        sampling,
        questions.map((question) => ({ question, sampleIndex: 0 })),
        new Stopwatch(),
        signal,
      ),
  };
}

/** Sampling temperature outside training. */
export const inferenceTemperature = (protocol: Search["settings"]["protocol"]): number =>
  protocol === "upstream" ? 0.6 : 0;
