import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { getTrainedMethod } from "@/contracts/run-config/trained-method-names";
import { buildDefaultConfig } from "./settings";

/** A predict run over the held-out questions of a training run, by what it trains, as it searches and answers. */
export function toPredictConfig(config: TrainConfig): PredictConfig {
  const base = buildDefaultConfig("predict") as PredictConfig;
  const { name, seed, retriever, search, generator, judge } = config;
  const { model, checkpoint, thinking, tuning, adapter, promptTemplate = null } = config.searcher;
  const method = getTrainedMethod(config);
  return {
    ...base,
    name,
    seed,
    method,
    methodSettings: {
      ...base.methodSettings,
      promptTemplate,
      // s3 reads its own from `search`.
      ...(method !== "s3" && {
        retrieve: search.retrieve,
        searches: search.turns,
        maxTokens: search.turnTokens,
      }),
    },
    retriever,
    search,
    searcher: { ...base.searcher, model, checkpoint, thinking, tuning, adapter },
    generator,
    judge,
    corpus: config.data.corpus,
    questions: config.data.heldOutQuestions,
    scorer: config.reward.scorer,
  };
}
