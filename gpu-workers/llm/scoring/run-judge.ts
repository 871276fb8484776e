import type { PredictConfig } from "@/contracts/run-config/predict-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { getRunScorer } from "@/core/run/run-summary";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { EndpointKeySource } from "@/gpu-workers/llm/endpoint/connection";
import type { EndpointOptions } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { openJudge, probeJudge } from "./judge";
import type { Judge, JudgeKind } from "./judge-kind";

/** The one place that says which judge a run asks. */

export type JudgedRunConfig = TrainConfig | PredictConfig;

/** The kind of judge that a run's scorer asks: of a training run the one that scores rewards. */
export function chooseJudgeKind(config: JudgedRunConfig): JudgeKind {
  const scorer = getRunScorer(config);
  if (scorer !== "generation-accuracy/upstream") return "own";
  return config.kind === "train" ? "upstream-training" : "upstream";
}

/** Opens the judge of a run, as `openJudge` does. */
export const openRunJudge = (
  config: JudgedRunConfig,
  engine: EngineClient | null,
  keys: Partial<EndpointKeySource>,
  signal: AbortSignal,
  overrides: Partial<EndpointOptions> = {},
): Promise<Judge> =>
  openJudge(config.judge, engine, keys, signal, { ...overrides, kind: chooseJudgeKind(config) });

/** Looks whether the judge of a run replies, as `probeJudge` does. @returns what came, as text */
export const probeRunJudge = (
  config: JudgedRunConfig,
  engine: EngineClient | null,
  keys: Partial<EndpointKeySource>,
  signal: AbortSignal,
): Promise<string> => probeJudge(config.judge, engine, keys, signal, chooseJudgeKind(config));
