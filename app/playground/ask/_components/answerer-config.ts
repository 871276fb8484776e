import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { toPredictConfig } from "@/core/run/predict-config";

/**
 * How a typed question is answered as a run answers: with its method and models over a corpus, or with a checkpoint of
 * it. Null: the run answers nothing.
 */
export function buildAnswererConfig(
  config: RunConfig,
  corpus: string,
  checkpoint: string | null,
): PredictConfig | null {
  if (config.kind !== "train" && config.kind !== "predict") return null;
  const base = config.kind === "train" ? toPredictConfig(config) : config;
  return {
    ...base,
    corpus,
    searcher: { ...base.searcher, checkpoint: checkpoint ?? base.searcher.checkpoint },
  };
}
