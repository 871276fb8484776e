import { existsSync } from "node:fs";
import type { VllmConfig } from "@/contracts/run-config/model";
import { AppError } from "@/contracts/errors";
import { modelDir } from "@/lib/paths.mjs";
import { BASE_MODEL_NAME } from "./client";

/** What a vLLM is started for, and what its troubles are called. */
export interface VllmLaunch {
  /** Code of the error where it does not come up or dies. */
  errorCode: "generator-unavailable" | "sampler-unavailable";
  /** Everything after the program; its key is in the environment, where no list of processes shows it. */
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What to do where the program is not found. */
  alternative: string;
}

const formatFlags = (flags: Record<string, string | number | null>): string[] =>
  Object.entries(flags).flatMap(([flag, value]) => (value === null ? [] : [flag, String(value)]));

/** To serve a model as it is: one in the worker's models folder, or one that vLLM knows by its name. */
export function buildServeLaunch(
  model: string,
  { tensorParallelSize, gpuMemoryUtilization, maxModelLen }: VllmConfig,
): VllmLaunch {
  const installed = modelDir(model);
  const flags = formatFlags({
    "--served-model-name": model,
    "--tensor-parallel-size": tensorParallelSize,
    "--gpu-memory-utilization": gpuMemoryUtilization,
    "--max-model-len": maxModelLen,
  });
  return {
    errorCode: "generator-unavailable",
    args: ["serve", existsSync(installed) ? installed : model, ...flags],
    alternative: "choose the server `engine`",
  };
}

/** Ranks that vLLM has kernels for. */
const ADAPTER_RANKS = [8, 16, 32, 64, 128, 256, 320, 512];

/**
 * To sample a searcher in training, whose adapters are loaded while it runs.
 *
 * @param model folder of the base model
 * @param rank of the adapters that will be loaded
 * @param memoryShare of the GPU's memory that it takes for itself
 */
export function buildSamplerLaunch({
  model,
  rank,
  memoryShare,
}: {
  model: string;
  rank: number;
  memoryShare: number;
}): VllmLaunch {
  const largest = ADAPTER_RANKS.find((size) => size >= rank);
  if (largest === undefined)
    throw new AppError(
      "unsupported",
      `vLLM serves adapters of at most rank ${ADAPTER_RANKS.at(-1)}: lower searcher.adapter.rank from ${rank}, or set searcher.sampler to engine.`,
    );
  const flags = formatFlags({
    "--served-model-name": BASE_MODEL_NAME,
    "--max-lora-rank": largest,
    // The present weights and those before, whose last samples may still be under way.
    "--max-loras": 2,
    "--gpu-memory-utilization": memoryShare,
    // Log-probabilities at the sampling temperature, which is what the ratio compares.
    "--logprobs-mode": "processed_logprobs",
    // The model folder's own sampling defaults are not the policy.
    "--generation-config": "vllm",
  });
  return {
    errorCode: "sampler-unavailable",
    args: ["serve", model, "--enable-lora", ...flags],
    env: { VLLM_ALLOW_RUNTIME_LORA_UPDATING: "True" },
    alternative: "set searcher.sampler to engine",
  };
}
