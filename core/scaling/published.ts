import { MODEL_SHAPES } from "@/core/memory/model-shape";
import { estimateStepTime, findContextTokens, H20, type StepWork } from "./step-time";

/**
 * What verl's documentation publishes of a step's time on several numbers of GPUs, to hold the calculation against: docs/
 * advance/fully_async.md of volcengine/verl, as of 2025-10-18, "Asynchronous Training on 7B Model", rows "colocate sync".
 * Qwen2.5-Math-7B, DAPO, vLLM and FSDP2 on H20; 512 questions of 16 samples, mini-batches of 32 questions, answers of at
 * most 28K tokens. HybridFlow (arXiv 2409.19256) shows its throughput as figures alone, so no number is taken from it.
 */
export const PUBLISHED = [
  { gpus: 32, step: 790.1, sampling: 357.41, logprobs: 107.71, gradient: 313.81 },
  { gpus: 64, step: 365.28, sampling: 150.72, logprobs: 70.26, gradient: 133.41 },
  { gpus: 128, step: 356.3, sampling: 177.85, logprobs: 53.92, gradient: 113.81 },
] as const;

const [QUESTIONS, SAMPLES, MINI_BATCH] = [512, 16, 32];
const LONGEST = 28 * 1024;
/** Neither is stated there: what verl's recipe for DAPO has. */
const PROMPT_TOKENS = 150;
const MICROBATCH_TOKENS = LONGEST + 2 * 1024;

const buildWork = (contextTokens: number): StepWork => ({
  models: [{ shape: MODEL_SHAPES["qwen2.5-7b-instruct"]!, forwardPasses: 1 }],
  episodes: QUESTIONS * SAMPLES,
  contextTokens,
  writtenTokens: Math.max(1, contextTokens - PROMPT_TOKENS),
  longestTokens: LONGEST,
  trainedTokens: QUESTIONS * SAMPLES * contextTokens,
  epochs: 1,
  updates: QUESTIONS / MINI_BATCH,
  microbatchTokens: MICROBATCH_TOKENS,
  checkpointing: true,
  samplingMemory: 0.8,
});

/** A phase as it is published and as it is calculated, in seconds. */
export interface ComparedPhase {
  gpus: number;
  phase: "sampling" | "logprobs" | "gradient";
  published: number;
  calculated: number;
}

/**
 * The published phases beside the calculation. The mean length of an answer is not published: it is that at which the
 * gradient on the fewest GPUs takes as long as published, so that one number is none of the calculation's.
 */
export function compareWithPublished(): { contextTokens: number; phases: ComparedPhase[] } {
  const [first] = PUBLISHED;
  const contextTokens = findContextTokens(first.gradient, buildWork, first.gpus, H20);
  const phases = PUBLISHED.flatMap((row) => {
    const time = estimateStepTime(buildWork(contextTokens), row.gpus, H20);
    return (["sampling", "logprobs", "gradient"] as const).flatMap((phase) =>
      row === first && phase === "gradient"
        ? []
        : { gpus: row.gpus, phase, published: row[phase], calculated: time[phase] },
    );
  });
  return { contextTokens, phases };
}
