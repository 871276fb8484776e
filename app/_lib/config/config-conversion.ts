import type { RunKind } from "@/contracts/records/run-state";
import type { RunConfig } from "@/contracts/run-config/run-config";
import { TRAINED_METHODS } from "@/contracts/run-config/trained-method-names";
import { assignSettings } from "@/core/run/assign-settings";
import { toPredictConfig } from "@/core/run/predict-config";
import { buildDefaultConfig } from "@/core/run/settings";
import { listMethodChanges } from "@/core/run/trained-method";

/** The same experiment as another kind: what both kinds have in common is kept. */
export function convertKind(config: RunConfig, kind: RunKind): RunConfig {
  if (config.kind === kind) return config;
  if (config.kind === "train" && kind === "predict") return toPredictConfig(config);
  const base = buildDefaultConfig(kind);
  if (config.kind === "predict" && base.kind === "train") {
    const method = TRAINED_METHODS.find((name) => name === config.method && name !== "s3");
    const { name, seed, retriever, search, generator } = config;
    const {
      endpoint: _endpoint,
      dialect: _dialect,
      api: _api,
      connection: _connection,
      ...searcher
    } = config.searcher;
    const { retrieve, searches, maxTokens, promptTemplate } = config.methodSettings;
    const converted = {
      ...base,
      name,
      seed,
      retriever,
      search,
      searcher: {
        ...base.searcher,
        ...searcher,
        // The prompt of a method that is not trained is none of s3.
        ...(promptTemplate !== null &&
          TRAINED_METHODS.some((name) => name === config.method) && { promptTemplate }),
      },
      generator,
      data: { ...base.data, corpus: config.corpus, heldOutQuestions: config.questions },
      reward: { ...base.reward, scorer: config.scorer },
      ...(method && {
        method,
        search: {
          ...search,
          retrieve: retrieve ?? search.retrieve,
          turns: searches ?? search.turns,
          turnTokens: maxTokens ?? search.turnTokens,
        },
      }),
    };
    return assignSettings(converted, listMethodChanges(converted)) as RunConfig;
  }
  if (!("retriever" in config) || !("retriever" in base)) return { ...base, name: config.name };
  const shared = { ...base, name: config.name, retriever: config.retriever };
  if (shared.kind === "evaluate" && config.kind === "train")
    return { ...shared, corpus: config.data.corpus, questions: config.data.heldOutQuestions };
  if (shared.kind === "evaluate" && config.kind === "predict")
    return { ...shared, corpus: config.corpus, questions: config.questions };
  return shared;
}

/** A predict run over the held-out questions of a training run, with one of its checkpoints. */
export function buildPredictConfig(
  config: RunConfig,
  checkpoint: { id: string; step: number },
): RunConfig {
  const predict = convertKind(config, "predict");
  if (predict.kind !== "predict") return predict;
  return {
    ...predict,
    name: `${config.name}, step ${checkpoint.step}`.slice(0, 120),
    searcher: { ...predict.searcher, checkpoint: checkpoint.id },
  };
}

/** What a branch takes of a checkpoint: all, or the searcher's weights alone. */
export type BranchState = "all" | "weights";

/**
 * A training run that continues from a checkpoint. Its cold start is already done, unless it is all that it learns from.
 * With the whole state it goes on in the schedules of the learning rates, with the weights alone they begin anew.
 */
export function buildBranchConfig(
  config: RunConfig,
  checkpoint: { id: string; step: number },
  state: BranchState,
): RunConfig {
  if (config.kind !== "train") return config;
  const origin = state === "all" ? "branch" : "weights";
  const before = state === "all" ? (config.rl.scheduleOffset ?? 0) + checkpoint.step : 0;
  return {
    ...config,
    name: `${config.name}, ${origin} of step ${checkpoint.step}`.slice(0, 120),
    searcher: { ...config.searcher, checkpoint: checkpoint.id, checkpointState: state },
    rl: { ...config.rl, scheduleOffset: before === 0 ? undefined : before },
    ...(config.method !== "sft" && { coldStart: { ...config.coldStart, demonstrations: 0 } }),
  };
}
