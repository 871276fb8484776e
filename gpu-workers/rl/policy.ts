import { randomUUID } from "node:crypto";
import type { EngineBody } from "@/contracts/engine/dialect";
import type { TrainConfig } from "@/contracts/run-config/run-config";
import type { EngineClient, EngineModel } from "@/gpu-workers/llm/engine/client";
import {
  computeModelFingerprint,
  findInstalledModel,
} from "@/gpu-workers/llm/model-files/installed-model";
import { loadTokenizer, type Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import type { VllmSampler } from "@/gpu-workers/llm/vllm-server/sampler";
import type { Searcher } from "@/gpu-workers/searcher/episode-inputs";

/** The searcher's model in the engine: a base shared with others, and an adapter of this run's own. */
export interface Policy {
  model: EngineModel;
  tokenizer: Tokenizer;
  /** Model name, and the fingerprint of base and engine; with the hash of what is trained they are the searcher's identity. */
  name: string;
  fingerprint: string;
  /** Writes the episodes in place of the engine. */
  vllm?: VllmSampler;
}

/** What a training run and a method say alike of the searcher. */
type SearcherModel = Pick<TrainConfig["searcher"], "model" | "tuning" | "adapter"> &
  Partial<Pick<TrainConfig["searcher"], "activationCheckpointing">>;

/** Gives the searcher's base a fresh adapter: with the seed alone it is the untrained searcher. */
export async function openPolicy(
  engine: EngineClient,
  searcher: SearcherModel,
  seed: number,
  signal: AbortSignal,
): Promise<Policy> {
  const directory = findInstalledModel(searcher.model);
  const [model, tokenizer, fingerprint] = await Promise.all([
    engine.createModel(
      `searcher-${randomUUID()}`,
      {
        base: directory,
        ...selectTrainedWeights(searcher),
        checkpointing: searcher.activationCheckpointing,
        seed,
      },
      { signal },
    ),
    loadTokenizer(directory),
    computeModelFingerprint(engine, directory, signal),
  ]);
  return { model, tokenizer, name: searcher.model, fingerprint };
}

/** What of a model is trained. */
const selectTrainedWeights = ({
  tuning,
  adapter,
}: SearcherModel): Pick<EngineBody<"create_model">, "lora" | "full"> =>
  tuning === "full" ? { lora: null, full: { firstLayer: adapter.firstLayer } } : { lora: adapter };

/**
 * PPO's critic: a second adapter on the searcher's base, or a model of its own whose weights are trained. On the same
 * base it keeps the activations of the frozen layers together with the searcher.
 */
export async function openCritic(
  engine: EngineClient,
  policy: Policy,
  { searcher, rl: { critic }, seed }: Pick<TrainConfig, "searcher" | "rl" | "seed">,
  signal: AbortSignal,
): Promise<EngineModel> {
  const { firstLayer } = searcher.adapter;
  const body = {
    base: findInstalledModel(critic.model ?? searcher.model),
    head: "value",
    beside: critic.model === null ? policy.model.id : null,
    ...(critic.kind === "adapter"
      ? { lora: searcher.adapter }
      : { lora: null, full: { firstLayer: critic.model === null ? firstLayer : 0 } }),
    checkpointing: searcher.activationCheckpointing,
    // Another than the searcher's, whose adapter has the same shape.
    seed: seed + 1,
  } as const;
  return engine.createModel(`critic-${randomUUID()}`, body, { signal });
}

/** The searcher with its present weights. */
export async function getSearcher(
  { model, tokenizer, name, fingerprint, vllm }: Policy,
  signal: AbortSignal,
): Promise<Searcher> {
  const { hash } = await model.getWeightsHash({ signal });
  const identity = `${name}:${hash}:${fingerprint}`;
  const { maxLength } = model.info;
  return vllm
    ? {
        model: await vllm.useWeights(hash, signal),
        tokenizer,
        identity: `${identity}:vllm`,
        maxLength,
      }
    : { model, tokenizer, identity, maxLength };
}
