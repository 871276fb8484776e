import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { buildDefaultConfig } from "./settings";

/** A predict run of s3 over the held-out questions of a training run, as it searches and answers. */
export function toPredictConfig(config: TrainConfig): PredictConfig {
  const base = buildDefaultConfig("predict") as PredictConfig;
  const { name, seed, retriever, search, generator } = config;
  const { model, checkpoint, thinking, tuning, adapter } = config.searcher;
  return {
    ...base,
    name,
    seed,
    retriever,
    search,
    searcher: { ...base.searcher, model, checkpoint, thinking, tuning, adapter },
    generator,
    corpus: config.data.corpus,
    questions: config.data.heldOutQuestions,
    scorer: config.reward.scorer,
  };
}
