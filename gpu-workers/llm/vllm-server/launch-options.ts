import { existsSync } from "node:fs";
import type { VllmConfig } from "@/contracts/run-config/model";
import { AppError } from "@/contracts/errors";
import { modelDir } from "@/lib/paths.mjs";
import { BASE_MODEL_NAME } from "./client";

/** How vLLM is started for one purpose, and how its failures are reported. */
export interface VllmLaunch {
  /** Error code where it does not start, or ends unexpectedly. */
  errorCode: "generator-unavailable" | "sampler-unavailable";
  /** Arguments of the program. The API key is not among them: it is in the environment, where no process list shows it. */
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What the user can do instead where the program is not found. */
  alternative: string;
}

const formatFlags = (flags: Record<string, string | number | null>): string[] =>
  Object.entries(flags).flatMap(([flag, value]) => (value === null ? [] : [flag, String(value)]));

/** Launch to serve a model: one in the worker's models folder, or one that vLLM finds by its name. */
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

/** Adapter ranks that vLLM has kernels for. */
const ADAPTER_RANKS = [8, 16, 32, 64, 128, 256, 320, 512];

/**
 * Launch to sample rollouts of a searcher in training, whose adapters are loaded while vLLM runs.
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
    // The present weights and the ones before, from which requests may still sample.
    "--max-loras": 2,
    "--gpu-memory-utilization": memoryShare,
    // Log-probabilities at the sampling temperature: the importance ratio compares these.
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
