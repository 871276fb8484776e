import type { EngineResult } from "@/contracts/engine/dialect";
import { EngineError } from "@/gpu-workers/llm/engine/client";
import { chunk } from "@/lib/chunk";
import type { CreditedExperience } from "./experience";
import { selectOptimizer } from "@/gpu-workers/rl/learning-rate";
import type { BuildLossRequest } from "./losses";
import {
  noteOutOfMemory,
  type TrainedModel,
  type UpdateDependencies,
  type UpdateNotes,
} from "./update-dependencies";

/** What the engine returned for one mini-batch that was learned from. */
export type MiniBatchResult = EngineResult<"forward_backward"> & {
  gradNorm: number | null;
  batch: readonly CreditedExperience[];
};

/**
 * Runs `rl.epochs` epochs over mini-batches, in the order of the episodes, with one optimiser step each. The gradient of
 * a mini-batch is one operation of the engine, so it counts whole or not at all. A loss or gradient that is not finite
 * skips its step, with a note; the weights then stay as they were.
 *
 * @param untilWeightsMayChange is awaited before each optimiser step
 * @returns a result per optimiser step that was taken
 */
export async function runOptimizerEpochs(
  { config, signal }: Pick<UpdateDependencies, "config" | "signal">,
  model: TrainedModel,
  experiences: readonly CreditedExperience[],
  buildRequest: BuildLossRequest,
  learningRate: number,
  untilWeightsMayChange: () => Promise<void>,
  notes: UpdateNotes,
): Promise<MiniBatchResult[]> {
  const { epochs, miniBatch, gradientClip } = config.rl;
  const batches = splitIntoMiniBatches(experiences, miniBatch);
  const steps = Array.from({ length: epochs }, () => batches).flat();
  const results: MiniBatchResult[] = [];
  for (const [i, batch] of steps.entries()) {
    try {
      const result = await model.forwardBackward(buildRequest(batch), { signal });
      noteOutOfMemory(notes, result);
      await untilWeightsMayChange();
      const { gradNorm, ranks } = await model.optimStep(
        {
          learningRate,
          gradClip: gradientClip,
          ...selectOptimizer(config),
          keepActivations: i < steps.length - 1,
        },
        { signal },
      );
      notes.rankTimes.push(...(ranks ?? []));
      results.push({ ...result, gradNorm, batch });
    } catch (error) {
      if (!(error instanceof EngineError && error.engineCode === "not-finite")) throw error;
      notes.skipped.push(error.message);
    }
  }
  return results;
}

/**
 * Splits in order into mini-batches of `size`; the last may be smaller.
 * @param size 0: one mini-batch of all
 */
export const splitIntoMiniBatches = <T>(items: readonly T[], size: number): T[][] =>
  items.length === 0 ? [] : chunk(items, size === 0 ? items.length : size);
