import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { EpisodeSource } from "@/gpu-workers/rl/episode-source";
import { runEpisodes } from "@/gpu-workers/searcher/episode";
import type { SearchEnvironment } from "@/gpu-workers/searcher/episode-inputs";
import { buildDemonstration, walkGoldPaths } from "@/gpu-workers/searcher/gold-path";
import { createS3Method } from "@/gpu-workers/methods/s3";

/** Episodes of s3, in lock-step turns; its demonstrations are gold paths. */
export const createS3Source = (
  search: SearchEnvironment,
  { seed, evaluation }: Pick<TrainConfig, "seed" | "evaluation">,
): EpisodeSource => ({
  play: (searcher, sampling, requests, stopwatch, signal) =>
    runEpisodes(searcher, search, sampling, requests, stopwatch, signal),
  async demonstrate(questions, { model, tokenizer }, signal) {
    const { retriever, settings, template } = search;
    const paths = await walkGoldPaths(questions, retriever, settings, signal);
    return Promise.all(
      questions.map((question, i) =>
        buildDemonstration(question, paths[i]!, model, tokenizer, settings, signal, template),
      ),
    );
  },
  createEvaluatedMethod: (searcher) => createS3Method(searcher, search, seed, [], evaluation),
});
