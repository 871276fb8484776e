import { z } from "zod";
import { isTruncated } from "./sampling";
import { defineLaterSetting, defineSetting } from "./setting";
import type { RlConfig } from "./rl";

/** Which program writes the episodes of a training run, and what it costs the trainer's device. */
export const samplerFields = {
  sampler: defineSetting(
    z.enum(["engine", "vllm"]).default("engine"),
    "Sampler",
    "`engine`: the program that trains also samples; `vllm`: a vLLM server beside it, which is given the adapter before each step (a GPU worker with vLLM installed).",
    { paper: "vLLM", advanced: true },
  ),
  samplerMemory: defineSetting(
    z.number().min(0.05).max(0.95).default(0.4),
    "vLLM's memory",
    "Share of the GPU's memory that vLLM takes for itself; the engine needs the rest.",
    { paper: "0.4", advanced: true },
  ),
  activationCheckpointing: defineSetting(
    z.boolean().default(false),
    "Activation checkpointing",
    "Layers' activations are computed again for the gradient instead of kept: much less memory, about a third more time.",
    { paper: "on", advanced: true },
  ),
  microbatchTokens: defineLaterSetting(
    z.int().min(64).max(1_000_000).nullable(),
    null,
    "Tokens of a micro-batch",
    "Most tokens that the gradient is computed for at once, on each GPU; empty: 2048. More of them use a GPU better and take more memory; the result is the same.",
    { paper: "24000 a GPU", advanced: true },
  ),
  offloadOptimizer: defineLaterSetting(
    z.boolean(),
    false,
    "Optimiser in the machine's memory",
    "AdamW's moments, 8 bytes a trained weight, are kept in the machine's memory instead of the GPU's, and come to it tensor by tensor at each step: slower steps.",
    { paper: "off", advanced: true },
  ),
};

/** Settings that do not go with sampling by vLLM, by the one to change and how. */
export function listSamplerProblems(config: {
  searcher: { sampler: "engine" | "vllm"; tuning: "lora" | "full" };
  search: { decoding: "guided" | "free" };
  rl: Pick<
    RlConfig,
    "oldLogprobs" | "overlap" | "truncateRatio" | "topP" | "topK" | "repetitionPenalty"
  >;
}): [path: string, message: string][] {
  if (config.searcher.sampler === "engine") return [];
  const problems: [applies: boolean, path: string, message: string][] = [
    [
      config.searcher.tuning === "full",
      "searcher.sampler",
      "vLLM is given adapters, not whole weights: set searcher.tuning to lora, or the sampler to engine",
    ],
    [
      config.search.decoding === "guided",
      "search.decoding",
      "vLLM's guided decoding tells no log-probabilities over the allowed tokens: choose free, or set searcher.sampler to engine",
    ],
    // Overlapped episodes are of weights that the trainer no longer has: there the ratio corrects the rounding too.
    [
      config.rl.oldLogprobs === "sampler" && !config.rl.overlap,
      "rl.oldLogprobs",
      "vLLM rounds differently from the trainer: choose trainer, so that the ratio compares the trainer with itself",
    ],
    // The log-probabilities that it gives then are those of the truncated distribution, which the loss is not of.
    [
      isTruncated(config.rl) && config.rl.overlap,
      "rl.overlap",
      "overlapped episodes are corrected by vLLM's log-probabilities, which top p, top k and repetition penalty change: switch overlap off, sample from all tokens, or set searcher.sampler to engine",
    ],
    [
      isTruncated(config.rl) && config.rl.truncateRatio !== null,
      "rl.truncateRatio",
      "the mismatch is measured against vLLM's log-probabilities, which top p, top k and repetition penalty change: leave truncateRatio empty, sample from all tokens, or set searcher.sampler to engine",
    ],
  ];
  return problems.flatMap(([applies, path, message]) => (applies ? [[path, message]] : []));
}
