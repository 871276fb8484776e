import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { getTrainedMethod } from "@/contracts/run-config/trained-method-names";
import { getMethodComponents } from "./methods";

/** What lists, requirements and jobs read of a configuration, whatever its kind. */

/** The retrieve-select-turns setting as people write it, e.g. "8-3-3"; null where a run does not search in turns. */
export function formatSearchSetting(config: RunConfig): string | null {
  if (
    (config.kind === "train" && getTrainedMethod(config) === "s3") ||
    (config.kind === "predict" && config.method === "s3")
  )
    return `${config.search.retrieve}-${config.search.select}-${config.search.turns}`;
  return null;
}

/** The model that a run trains, evaluates or serves; null where it has none. */
export function getRunModel(config: RunConfig): string | null {
  if (config.kind === "train") return config.searcher.model;
  if (config.kind === "serve") return config.what === "model" ? config.model : null;
  if (config.kind === "predict")
    return getMethodComponents(config).asksModel ? config.searcher.model : config.generator.model;
  return null;
}

/** How a run scores answers; of a training run, for its rewards. */
export const getRunScorer = (
  config: TrainConfig | PredictConfig,
): TrainConfig["reward"]["scorer"] =>
  config.kind === "train" ? config.reward.scorer : config.scorer;

/** The corpus that a run searches or imports; null where it has none. */
export function getRunCorpus(config: TrainConfig | PredictConfig): string;
export function getRunCorpus(config: RunConfig): string | null;
export function getRunCorpus(config: RunConfig): string | null {
  if (config.kind === "external" || config.kind === "command") return null;
  if (config.kind === "train") return config.data.corpus;
  return config.kind === "serve" && config.what === "model" ? null : config.corpus;
}
