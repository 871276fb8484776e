import type { EngineResult } from "@/contracts/engine";
import type { TrainConfig } from "@/contracts/run-config";
import type { EngineModel } from "../engine/client";
import type { Algorithm } from "./algorithm";
import type { MetricValues } from "./episode-metrics";
import { rewardsOf, type Group } from "./rollout";
import { actionTokens, datumOf, trainingSequence } from "./training-sequence";

/** Name of the engine's snapshot that the KL penalty refers to: the policy before reinforcement learning. */
export const REFERENCE = "reference";

/** Bound on the tokens of one forward_backward, so that memory does not grow with the batch; gradients add up. */
const MICRO_BATCH_TOKENS = 16_384;

/** The gradient of one step's groups: the loss is the mean over all tokens that the policy chose. */
export async function accumulateGradient(model: Pick<EngineModel, "forward" | "forwardBackward">, algorithm: Algorithm, groups: readonly Group[], config: Pick<TrainConfig, "search" | "rl">, signal: AbortSignal): Promise<MetricValues> {
  const advantages = algorithm.advantages(groups.map(rewardsOf));
  const sequences = groups.flatMap(({ samples }, g) => samples.map(({ episode }, s) => ({ sequence: trainingSequence(episode, config.search), advantage: advantages[g]![s]! })));
  const tokens = sequences.reduce((sum, { sequence }) => sum + actionTokens(sequence), 0);
  const data = sequences.map(({ sequence, advantage }) => datumOf(sequence, 1 / tokens, advantage));

  const results: EngineResult<"forward_backward">[] = [];
  for (const batch of microBatches(data, ({ ids }) => ids.length, MICRO_BATCH_TOKENS)) {
    if (config.rl.klCoefficient > 0) {
      const { referenceLogprobs } = await model.forward({ adapter: true, data: batch, reference: REFERENCE, temperature: config.rl.temperature }, { signal });
      batch.forEach((datum, i) => (datum.referenceLogprobs = referenceLogprobs![i]!));
    }
    results.push(await model.forwardBackward({ loss: algorithm.loss, config: algorithm.lossConfig, data: batch }, { signal }));
  }
  const sum = (pick: (result: EngineResult<"forward_backward">) => number): number => results.reduce((total, result) => total + pick(result), 0);
  const counted = Math.max(1, sum((r) => r.tokens));
  return {
    "actor/pg_loss": sum((r) => r.loss),
    "actor/entropy_loss": sum((r) => r.entropy) / counted,
    "actor/pg_clipfrac": sum((r) => r.clipped) / counted,
    ...(config.rl.klCoefficient > 0 ? { "actor/kl_loss": sum((r) => r.kl) / counted } : {}),
  };
}

/** Splits in order into batches whose sizes sum to at most `bound` (a larger single item stands alone). */
export function microBatches<T>(items: readonly T[], size: (item: T) => number, bound: number): T[][] {
  const batches: T[][] = [];
  let total = Infinity;
  for (const item of items) {
    if (total + size(item) > bound) {
      batches.push([]);
      total = 0;
    }
    batches[batches.length - 1]!.push(item);
    total += size(item);
  }
  return batches;
}
