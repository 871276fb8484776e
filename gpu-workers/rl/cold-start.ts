import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import { buildDemonstration, walkGoldPaths } from "@/gpu-workers/searcher/gold-path";
import type { Policy } from "./policy";
import {
  countActionTokens,
  buildDatum,
  fillActionTokens,
} from "@/gpu-workers/searcher/training-sequence";

/**
 * One supervised step on gold paths before reinforcement learning: cross-entropy, averaged over the tokens that the
 * searcher would choose.
 * @returns the loss before the step
 */
export async function runColdStartStep(
  policy: Policy,
  retriever: Retriever,
  questions: readonly Question[],
  config: Pick<TrainConfig, "search" | "coldStart" | "rl">,
  signal: AbortSignal,
): Promise<number> {
  const paths = await walkGoldPaths(questions, retriever, config.search, signal);
  const sequences = await Promise.all(
    questions.map((question, i) =>
      buildDemonstration(
        question,
        paths[i]!,
        policy.model,
        policy.tokenizer,
        config.search,
        signal,
      ),
    ),
  );
  const tokens = sequences.reduce((sum, sequence) => sum + countActionTokens(sequence), 0);
  const data = sequences.map((sequence) =>
    buildDatum(
      sequence,
      fillActionTokens(sequence, () => 1 / tokens),
    ),
  );
  const { loss } = await policy.model.forwardBackward({ loss: "cross_entropy", data }, { signal });
  await policy.model.optimStep(
    { learningRate: config.coldStart.learningRate, gradClip: config.rl.gradientClip },
    { signal },
  );
  return loss;
}
