import type { Datum, EngineResult } from "@/contracts/engine/dialect";
import { estimateMemory, type MemorySpec } from "@/core/memory/memory-estimate";
import { MODEL_SHAPES } from "@/core/memory/model-shape";
import { estimateShardedMemory } from "@/core/memory/sharded-memory";
import type { EngineClient, EngineModel } from "@/gpu-workers/llm/engine/client";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { getModelDir } from "@/lib/paths.mjs";

/** An engine on the CPU with the default model and random tokens, for what measures its memory and its times. */

export const TRIAL_MODEL = "smollm2-135m-instruct";
const LORA_RANK = 16;

/** What is trained, and on how much text. */
export interface TrialWork {
  /** Processes that share what is trained; 1: none shares. */
  ranks: number;
  tuning: "lora" | "full";
  /** Whether each rank holds only its share of the frozen base. */
  shardsBase: boolean;
  firstLayer: number;
  questions: number;
  groupSize: number;
  promptTokens: number;
  contextTokens: number;
  /** Bound of each activation cache. */
  cacheBytes: number;
  /** Whether the work samples, and keeps a reference, as a run does. */
  isWhole: boolean;
}

/** Draws random token ids, the same ones in every process. @returns so many of them */
export function createTokenDraw(): (count: number) => number[] {
  let state = 1;
  const draw = (): number => 100 + ((state = (state * 48_271) % 2_147_483_647) % 40_000);
  return (count) => Array.from({ length: count }, draw);
}

/** A datum of PPO: everything after the prompt was written, with equal weights that add up to `weight`. */
export function buildTrialDatum(ids: number[], promptTokens: number, weight: number): Datum {
  const written = ids.length - promptTokens;
  const weights = ids.map((_, at) => (at < promptTokens ? 0 : weight / written));
  return { ids, weights, advantages: weights, logprobs: ids.map(() => -5) };
}

/** Starts an engine with a model to train, hands it over and ends it. */
export async function withTrialModel<T>(
  { ranks, tuning, shardsBase, firstLayer, cacheBytes }: TrialWork,
  use: (model: EngineModel, client: EngineClient) => Promise<T>,
): Promise<T> {
  const engine = await EngineProcess.start({
    device: "cpu",
    dtype: "float32",
    cacheBytes,
    devices: ranks,
  });
  try {
    const model = await engine.client.createModel("m", {
      base: getModelDir(TRIAL_MODEL),
      ...(tuning === "lora"
        ? { lora: { rank: LORA_RANK, alpha: 2 * LORA_RANK, firstLayer } }
        : { lora: null, full: { firstLayer } }),
      shardBase: shardsBase,
      seed: 1,
    });
    return await use(model, engine.client);
  } finally {
    await engine.stop();
  }
}

/** Peak of resident memory after an optimiser step; of several ranks that of the fullest one. */
export async function readPeakBytes(
  client: EngineClient,
  { ranks = [] }: Pick<EngineResult<"optim_step">, "ranks">,
): Promise<number> {
  return ranks.length > 0
    ? Math.max(...ranks.map(({ peakMemoryBytes }) => peakMemoryBytes))
    : (await client.getMemory()).peakResidentBytes;
}

/** Bytes that the plan gives the work. */
export function planTrialBytes(work: TrialWork): number {
  const { ranks, tuning, firstLayer, questions, groupSize, promptTokens, contextTokens } = work;
  const spec: MemorySpec = {
    device: "cpu",
    dtypeBytes: 4,
    searcher: MODEL_SHAPES[TRIAL_MODEL]!,
    tuning:
      tuning === "lora"
        ? { kind: "lora", rank: LORA_RANK, firstLayer }
        : { kind: "full", firstLayer },
    critic: null,
    generator: null,
    reference: work.isWhole,
    episodes: questions * groupSize,
    groupSize,
    promptTokens,
    contextTokens,
    windowTokens: contextTokens - promptTokens,
    tokenBudget: 2048,
    cacheBytes: work.cacheBytes,
    checkpointing: false,
    offloadOptimizer: false,
    vllmBytes: work.isWhole ? null : 0,
  };
  const estimate =
    ranks > 1
      ? estimateShardedMemory(spec, { ranks, base: work.shardsBase ? "sharded" : "whole" })
      : estimateMemory(spec);
  return estimate.totalBytes;
}
