import { existsSync } from "node:fs";
import { dirname, delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import type { VllmConfig } from "@/contracts/run-config/model";
import { AppError } from "@/contracts/errors";
import { getModelDir } from "@/lib/paths.mjs";
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

/** For vLLM's build for the CPU, where compiling graphs takes minutes. */
const CPU_FLAGS = ["--enforce-eager"];

/** Launch to serve a model: one in the worker's models folder, or one that vLLM finds by its name. */
export function buildServeLaunch(
  model: string,
  { tensorParallelSize, gpuMemoryUtilization, maxModelLen }: VllmConfig,
  isCpuBuild = false,
): VllmLaunch {
  const installed = getModelDir(model);
  const flags = formatFlags({
    "--served-model-name": model,
    "--tensor-parallel-size": tensorParallelSize,
    "--gpu-memory-utilization": gpuMemoryUtilization,
    "--max-model-len": maxModelLen,
  });
  return {
    errorCode: "generator-unavailable",
    args: [
      "serve",
      existsSync(installed) ? installed : model,
      ...flags,
      ...(isCpuBuild ? CPU_FLAGS : []),
    ],
    alternative: "choose the server `engine`",
  };
}

/** Adapter ranks that vLLM has kernels for. */
const ADAPTER_RANKS = [8, 16, 32, 64, 128, 256, 320, 512];

/** What a sampling server is given while it runs: adapters of one rank, or all weights of the model. */
export type SampledWeights = { kind: "adapter"; rank: number } | { kind: "full" };

/** How vLLM is started to sample rollouts. */
export interface SamplerLaunchOptions {
  /** Folder of the base model. */
  model: string;
  weights: SampledWeights;
  /** Number format of the engine, so that both round alike. */
  dtype: string;
  /** Of the GPU's memory, that it takes for itself; of a build for the CPU, of the machine's. */
  memoryShare: number;
  tensorParallelSize: number;
  /** What CUDA_VISIBLE_DEVICES names; null: all that the worker sees. */
  devices: string | null;
  /** vLLM's build for the CPU. */
  isCpuBuild: boolean;
}

/** Launch to sample rollouts of a searcher in training, whose weights are replaced while vLLM runs. */
export function buildSamplerLaunch(options: SamplerLaunchOptions): VllmLaunch {
  const { model, weights, dtype, memoryShare, tensorParallelSize, devices, isCpuBuild } = options;
  const flags = formatFlags({
    "--served-model-name": BASE_MODEL_NAME,
    "--dtype": dtype,
    "--gpu-memory-utilization": memoryShare,
    "--tensor-parallel-size": tensorParallelSize,
    // Log-probabilities at the sampling temperature: the importance ratio compares these.
    "--logprobs-mode": "processed_logprobs",
    // The model folder's own sampling defaults are not the policy.
    "--generation-config": "vllm",
  });
  const updates = weights.kind === "adapter" ? buildAdapterUpdates(weights.rank) : WEIGHT_UPDATES;
  return {
    errorCode: "sampler-unavailable",
    args: ["serve", model, ...updates.args, ...flags, ...(isCpuBuild ? CPU_FLAGS : [])],
    env: {
      ...updates.env,
      // Numbers as nvidia-smi has them, as in the engine.
      ...(devices === null
        ? {}
        : {
            CUDA_DEVICE_ORDER: process.env.CUDA_DEVICE_ORDER ?? "PCI_BUS_ID",
            CUDA_VISIBLE_DEVICES: devices,
          }),
    },
    alternative: "set searcher.sampler to engine",
  };
}

/** What lets weights be replaced while the server runs. */
type Updates = Pick<VllmLaunch, "args"> & { env: Readonly<Record<string, string>> };

/** @throws AppError "unsupported" where vLLM has no kernels for the rank */
function buildAdapterUpdates(rank: number): Updates {
  const largest = ADAPTER_RANKS.find((size) => size >= rank);
  if (largest === undefined)
    throw new AppError(
      "unsupported",
      `vLLM serves adapters of at most rank ${ADAPTER_RANKS.at(-1)}: lower searcher.adapter.rank from ${rank}, or set searcher.sampler to engine.`,
    );
  return {
    args: [
      "--enable-lora",
      ...formatFlags({
        "--max-lora-rank": largest,
        // The present weights and the ones before, from which requests may still sample.
        "--max-loras": 2,
      }),
    ],
    env: { VLLM_ALLOW_RUNTIME_LORA_UPDATING: "True" },
  };
}

/** Folder of `require_key.py`. */
const PYTHON_FOLDER = dirname(fileURLToPath(import.meta.url));

/**
 * vLLM offers the requests that replace whole weights in its development mode alone, and asks for no key there: the
 * middleware does.
 */
const WEIGHT_UPDATES: Updates = {
  args: ["--middleware", "require_key.RequireKey"],
  env: {
    VLLM_SERVER_DEV_MODE: "1",
    PYTHONPATH: [PYTHON_FOLDER, process.env.PYTHONPATH].filter(Boolean).join(delimiter),
  },
};
