import { z } from "zod";
import { isTruncated } from "./sampling";
import { defineLaterSetting, defineSetting } from "./setting";
import type { RlConfig } from "./rl";

/** Which program writes the episodes of a training run, and what it costs the trainer's device. */
export const samplerFields = {
  sampler: defineSetting(
    z.enum(["engine", "vllm"]).default("engine"),
    "Sampler",
    "`engine`: the program that trains also samples; `vllm`: a vLLM server beside it, which is given the adapter, or with full tuning all weights, before each step (a worker with vLLM installed).",
    { paper: "vLLM", advanced: true },
  ),
  samplerMemory: defineSetting(
    z.number().min(0.05).max(0.95).default(0.4),
    "vLLM's memory",
    "Share of the GPU's memory that vLLM takes for itself; the engine needs the rest.",
    { paper: "0.4", advanced: true },
  ),
  samplerPlacement: defineLaterSetting(
    z.enum(["colocated", "apart"]),
    "colocated",
    "vLLM's place",
    "`colocated`: vLLM shares the GPUs with the engine, from the first on; `apart`: it has GPUs of its own, those behind the engine's unless `samplerDevices` names them, so that sampling and training can overlap (`rl.overlap`) without sharing memory.",
    { paper: "colocated", advanced: true },
  ),
  samplerDevices: defineLaterSetting(
    z
      .string()
      .regex(/^\d{1,3}(,\d{1,3})*$/, "must be numbers of GPUs with commas between, e.g. 2,3")
      .nullable(),
    null,
    "vLLM's GPUs",
    "Numbers of the GPUs that vLLM takes, as the worker sees them from 0, with commas between: as many as replicas times tensor-parallel size; empty: chosen by `samplerPlacement`.",
    { advanced: true },
  ),
  samplerReplicas: defineLaterSetting(
    z.int().min(1).max(64),
    1,
    "vLLM's replicas",
    "Servers that sample side by side. An episode stays at one, samples of one question go to the same where it is not busier than the others; all are given each update before any samples with it.",
    { advanced: true },
  ),
  samplerTensorParallel: defineLaterSetting(
    z.int().min(1).max(64),
    1,
    "vLLM's tensor-parallel size",
    "GPUs that each replica is spread over.",
    { advanced: true },
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
    "AdamW's moments, 8 bytes a trained weight, and the reference of the KL penalty, 4 bytes, are kept in the machine's memory instead of the GPU's, and come to it tensor by tensor at each step: slower steps.",
    { paper: "off", advanced: true },
  ),
};

/** Where vLLM runs, as stored: what is left out is as before there was a choice. */
export interface SamplerSettings {
  samplerPlacement?: "colocated" | "apart" | undefined;
  samplerDevices?: string | null | undefined;
  samplerReplicas?: number | undefined;
  samplerTensorParallel?: number | undefined;
}

/** Where the vLLM servers of a run are, with what was left out filled in. */
export interface SamplerPlacement {
  placement: "colocated" | "apart";
  /** Numbers of the GPUs; null: the worker chooses by the placement. */
  devices: number[] | null;
  replicas: number;
  tensorParallelSize: number;
}

/** Reads the settings of vLLM's place. Pure. */
export const readSamplerPlacement = (settings: SamplerSettings): SamplerPlacement => ({
  placement: settings.samplerPlacement ?? "colocated",
  devices: settings.samplerDevices?.split(",").map(Number) ?? null,
  replicas: settings.samplerReplicas ?? 1,
  tensorParallelSize: settings.samplerTensorParallel ?? 1,
});

/** GPUs that the vLLM servers of a run take. */
export const countSamplerDevices = ({ replicas, tensorParallelSize }: SamplerPlacement): number =>
  replicas * tensorParallelSize;

/** Why the GPUs that are named do not fit; null: they do, or none are named. */
function findDevicesProblem(placement: SamplerPlacement): string | null {
  const { devices } = placement;
  if (devices === null) return null;
  const wanted = countSamplerDevices(placement);
  if (new Set(devices).size < devices.length)
    return "names a GPU twice: each replica needs its own";
  if (devices.length === wanted) return null;
  return `names ${devices.length} GPUs where samplerReplicas times samplerTensorParallel are ${wanted}: name as many, or leave it empty`;
}

/** Settings that do not go with sampling by vLLM, by the one to change and how. */
export function listSamplerProblems(config: {
  searcher: SamplerSettings & { sampler: "engine" | "vllm" };
  search: { decoding: "guided" | "free" };
  rl: Pick<
    RlConfig,
    "oldLogprobs" | "overlap" | "truncateRatio" | "topP" | "topK" | "repetitionPenalty"
  >;
}): [path: string, message: string][] {
  if (config.searcher.sampler === "engine") return [];
  const devices = findDevicesProblem(readSamplerPlacement(config.searcher));
  const problems: [applies: boolean, path: string, message: string][] = [
    [devices !== null, "searcher.samplerDevices", devices ?? ""],
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
