import { randomUUID } from "node:crypto";
import type { EngineBody } from "@/contracts/engine/dialect";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { EngineClient, EngineModel } from "@/gpu-workers/llm/engine/client";
import { findInstalledModel, loadEngineModel } from "@/gpu-workers/llm/model-files/installed-model";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import type { VllmSampler } from "@/gpu-workers/llm/vllm-server/sampler";
import type { Searcher } from "@/gpu-workers/searcher/episode-inputs";

/**
 * The searcher's model in the engine: a base shared with other models, and trained weights of its own. Name, fingerprint
 * and the hash of the trained weights are the searcher's identity.
 */
export interface Policy {
  model: EngineModel;
  tokenizer: Tokenizer;
  name: string;
  /** Of the base model and the engine. */
  fingerprint: string;
  /** Samples the episodes in place of the engine. */
  vllm?: VllmSampler;
}

/** The settings of the searcher that training runs and methods share. */
type SearcherModel = Pick<TrainConfig["searcher"], "model" | "tuning" | "adapter" | "thinking"> &
  Partial<
    Pick<
      TrainConfig["searcher"],
      "activationCheckpointing" | "microbatchTokens" | "offloadOptimizer"
    >
  >;

/**
 * Loads the searcher's base with fresh trainable weights, which only the seed decides: the untrained searcher.
 *
 * @param shardsBase whether each rank holds only its share of the base below an adapter
 */
export async function openPolicy(
  engine: EngineClient,
  searcher: SearcherModel,
  seed: number,
  signal: AbortSignal,
  shardsBase = false,
): Promise<Policy> {
  const directory = findInstalledModel(searcher.model);
  const loaded = await loadEngineModel(
    engine,
    `searcher-${randomUUID()}`,
    {
      base: directory,
      ...selectTrainedWeights(searcher),
      ...selectMemorySettings(searcher),
      shardBase: shardsBase && canShardBase(searcher.tuning === "lora", searcher),
      seed,
    },
    searcher.thinking,
    signal,
  );
  return { ...loaded, name: searcher.model };
}

/** Which weights of the model are trained. */
const selectTrainedWeights = ({
  tuning,
  adapter,
}: SearcherModel): Pick<EngineBody<"create_model">, "lora" | "full"> =>
  tuning === "full" ? { lora: null, full: { firstLayer: adapter.firstLayer } } : { lora: adapter };

/** What is traded for memory when a model is trained; the critic's are the searcher's. */
const selectMemorySettings = (
  searcher: SearcherModel,
): Pick<EngineBody<"create_model">, "checkpointing" | "microbatchTokens" | "offloadOptimizer"> => ({
  checkpointing: searcher.activationCheckpointing,
  microbatchTokens: searcher.microbatchTokens ?? null,
  offloadOptimizer: searcher.offloadOptimizer ?? false,
});

/** Layers without factors are computed by each rank alone, so it has them whole. */
const canShardBase = (isAdapter: boolean, { adapter }: SearcherModel): boolean =>
  isAdapter && adapter.firstLayer === 0;

/**
 * Loads PPO's critic: a second adapter on the searcher's base, or a model of its own with trained weights. On the same
 * base it shares the searcher's activations of the frozen layers.
 *
 * @param shardsBase as of `openPolicy`
 */
export async function openCritic(
  engine: EngineClient,
  policy: Policy,
  { searcher, rl: { critic }, seed }: Pick<TrainConfig, "searcher" | "rl" | "seed">,
  signal: AbortSignal,
  shardsBase = false,
): Promise<EngineModel> {
  const shareActivationsWith = critic.model === null ? policy.model.id : null;
  const firstLayer = critic.model === null ? searcher.adapter.firstLayer : 0;
  const body = {
    base: findInstalledModel(critic.model ?? searcher.model),
    head: "value",
    beside: shareActivationsWith,
    ...(critic.kind === "adapter"
      ? { lora: searcher.adapter }
      : { lora: null, full: { firstLayer } }),
    ...selectMemorySettings(searcher),
    shardBase: shardsBase && canShardBase(critic.kind === "adapter", searcher),
    // A seed of its own, because the searcher's adapter has the same shape.
    seed: seed + 1,
  } as const;
  return engine.createModel(`critic-${randomUUID()}`, body, { signal });
}

/** The searcher with the policy's present weights, to run episodes with. */
export async function getSearcher(
  { model, tokenizer, name, fingerprint, vllm }: Policy,
  signal: AbortSignal,
): Promise<Searcher> {
  const { hash } = await model.getWeightsHash({ signal });
  const identity = `${name}:${hash}:${fingerprint}`;
  const { maxLength } = model.info;
  if (!vllm) return { model, tokenizer, identity, maxLength };
  const sampler = await vllm.useWeights(hash, signal);
  return {
    model: sampler,
    tokenizer,
    identity: `${identity}:vllm`,
    maxLength,
    batchesItself: true,
  };
}
