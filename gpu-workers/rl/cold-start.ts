import { AppError } from "@/contracts/errors";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import { shuffleBySalt } from "@/gpu-workers/runtime/keys";
import { groupBy } from "@/lib/group-by";
import type { Policy } from "./policy";
import { selectOptimizer } from "./learning-rate";
import {
  countActionTokens,
  buildDatum,
  fillActionTokens,
  type TrainingSequence,
} from "@/gpu-workers/searcher/training-sequence";

/**
 * Sets at least `count` training questions apart for validation, whole groups at a time, so that nothing about the same
 * thing is trained on. Which ones depends on the questions alone, so runs of other seeds validate on the same.
 *
 * @throws AppError "invalid-input" where no question would be left to train on
 */
export function splitValidationPart(
  questions: readonly Question[],
  count: number,
): { training: Question[]; validation: Question[] } {
  if (count === 0) return { training: [...questions], validation: [] };
  const groups = groupBy(questions, ({ id, group }) => group ?? id);
  const apart = new Set<Question>();
  const order = shuffleBySalt(
    [...groups.keys()].map((id) => ({ id })),
    "cold-start-validation",
  );
  for (const { id } of order) {
    if (apart.size >= count) break;
    for (const question of groups.get(id)!) apart.add(question);
  }
  if (apart.size === questions.length)
    throw new AppError(
      "invalid-input",
      `All ${questions.length} training questions would be set apart to validate the cold start: lower coldStart.validationQuestions.`,
    );
  return {
    training: questions.filter((question) => !apart.has(question)),
    validation: questions.filter((question) => apart.has(question)),
  };
}

/**
 * The learning rate of a batch, of `batches` in all: constant, or falling linearly from the full rate at batch 0 to a
 * last step of 1 / batches of it.
 */
export const computeColdStartRate = (
  { schedule, learningRate }: TrainConfig["coldStart"],
  batch: number,
  batches: number,
): number => learningRate * (schedule === "linear" ? 1 - batch / batches : 1);

/** How many batches of demonstrations a cold start has. */
export const countColdStartBatches = ({
  demonstrations,
  batchSize,
}: TrainConfig["coldStart"]): number => Math.ceil(demonstrations / batchSize);

/**
 * The batches after which weights are compared: every n, counted back from the last. None where that is the last alone,
 * as there is nothing to compare.
 */
export function listValidatedBatches(coldStart: TrainConfig["coldStart"]): ReadonlySet<number> {
  const { validationQuestions, validateEvery } = coldStart;
  const batches = countColdStartBatches(coldStart);
  const due = new Set<number>();
  if (validationQuestions === 0 || batches <= validateEvery) return due;
  for (let batch = batches - 1; batch >= 0; batch -= validateEvery) due.add(batch);
  return due;
}

/**
 * One supervised step on demonstrations before reinforcement learning: cross-entropy, averaged over the tokens that the
 * policy would choose.
 *
 * @returns the loss before the step
 */
export async function runColdStartStep(
  policy: Policy,
  sequences: readonly TrainingSequence[],
  config: Pick<TrainConfig, "rl" | "search">,
  learningRate: number,
  signal: AbortSignal,
): Promise<number> {
  const tokens = sequences.reduce((sum, sequence) => sum + countActionTokens(sequence), 0);
  const data = sequences.map((sequence) =>
    buildDatum(
      sequence,
      fillActionTokens(sequence, () => 1 / tokens),
    ),
  );
  const { loss } = await policy.model.forwardBackward({ loss: "cross_entropy", data }, { signal });
  await policy.model.optimStep(
    { learningRate, gradClip: config.rl.gradientClip, ...selectOptimizer(config) },
    { signal },
  );
  return loss;
}
