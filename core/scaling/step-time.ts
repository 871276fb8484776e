import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import {
  countLayerParameters,
  countParameters,
  getKeyWidth,
  getQueryWidth,
} from "@/core/memory/model-shape";

/**
 * Time of a training step on N GPUs, on paper: sampling by the bytes that it reads, log-probabilities and gradients by
 * their floating-point operations (2 a parameter and token forward, twice that backward: Kaplan et al. 2020, arXiv
 * 2001.08361, with attention's as in Chowdhery et al. 2022, PaLM, arXiv 2204.02311, appendix B), FSDP's collectives by the
 * links that they cross (Rajbhandari et al. 2020, ZeRO, arXiv 1910.02054, section 7: weights gathered twice and gradients
 * scattered once a micro-batch). It is calculation: no GPU was measured. Pure.
 */

/** A GPU and the links between several, as their makers state them: peaks that no program reaches. */
export interface Accelerator {
  name: string;
  /** Of matrices in bfloat16 without sparsity, a second. */
  flops: number;
  memoryBytes: number;
  memoryBytesPerSecond: number;
  gpusPerNode: number;
  /** Of one GPU in one direction, to the others of its machine. */
  nodeBytesPerSecond: number;
  /** Of one GPU in one direction, to other machines. */
  networkBytesPerSecond: number;
}

const GIGA = 1e9;

/** H100 SXM: NVIDIA's data sheet (989 TFLOPS, 3.35 TB/s, NVLink 900 GB/s both ways), 400 Gbit/s a GPU as in DGX H100. */
export const H100: Accelerator = {
  name: "H100 SXM 80 GB",
  flops: 989e12,
  memoryBytes: 80 * 2 ** 30,
  memoryBytesPerSecond: 3_350 * GIGA,
  gpusPerNode: 8,
  nodeBytesPerSecond: 450 * GIGA,
  networkBytesPerSecond: 50 * GIGA,
};

/** H20: 148 TFLOPS, 96 GB, 4.0 TB/s, NVLink 900 GB/s both ways; its network is taken as that of H100. */
export const H20: Accelerator = {
  ...H100,
  name: "H20 96 GB",
  flops: 148e12,
  memoryBytes: 96 * 2 ** 30,
  memoryBytesPerSecond: 4_000 * GIGA,
};

/**
 * Shares of the peaks that programs reach. Of operations 40 %: Llama 3 reports 38 to 43 (arXiv 2407.21783, table 4). Of memory
 * and links 60 and 80 % are assumptions.
 */
const REACHED = { flops: 0.4, memory: 0.6, link: 0.8 } as const;

/** Bytes of a number in bfloat16, and in float32 as gradients are summed. */
const [HALF, FLOAT] = [2, 4];
/** Of a trained weight AdamW reads gradient, value and two moments, and writes the last three and a copy in bfloat16. */
const OPTIMISER_BYTES = 7 * FLOAT + HALF;

/** A model that is trained in full. */
export interface TrainedModel {
  shape: ModelShape;
  /** Passes without gradient over each token of the step: the old policy's, the reference's; a critic's values. */
  forwardPasses: number;
}

/** What a step computes. */
export interface StepWork {
  /** The first one samples. */
  models: readonly TrainedModel[];
  episodes: number;
  /** Means of an episode: all its tokens, and those that the model writes. */
  contextTokens: number;
  writtenTokens: number;
  /** Tokens that the longest episode writes: one after the other, however many GPUs there are. */
  longestTokens: number;
  /** Tokens that are trained on: of a prompt that episodes share once. */
  trainedTokens: number;
  /** How often each is trained on, and optimiser steps for it. */
  epochs: number;
  updates: number;
  /** Tokens of a micro-batch, for each of which the weights are gathered anew. */
  microbatchTokens: number;
  /** Whether activations are computed again in the backward pass. */
  checkpointing: boolean;
  /** Share of a GPU's memory that sampling may take. */
  samplingMemory: number;
}

/** Seconds of a step's phases, one after the other. */
export interface StepTime {
  gpus: number;
  sampling: number;
  logprobs: number;
  /** With what of FSDP's collectives does not hide behind the operations. */
  gradient: number;
  /** Of all collectives, hidden or not. */
  communication: number;
  optimiser: number;
  total: number;
  /** Tokens of prompts and answers of the step by its seconds and GPUs: verl's perf/throughput. */
  tokensPerSecondAndGpu: number;
}

/** Parameters that a token is multiplied with: all but the embedding, which is looked up. */
const countMultiplied = (shape: ModelShape): number =>
  shape.layers * countLayerParameters(shape) + shape.vocabulary * shape.hidden;

/** Floating-point operations of one token's forward pass, whose attention reads half of the context on average. */
export const countForwardFlops = (shape: ModelShape, contextTokens: number): number =>
  2 * countMultiplied(shape) + 2 * shape.layers * getQueryWidth(shape) * contextTokens;

/** Seconds in which each GPU brings `bytes`, its part of which it has, to all others, or takes them in. */
function computeCollectiveSeconds(bytes: number, gpus: number, device: Accelerator): number {
  const link = gpus > device.gpusPerNode ? device.networkBytesPerSecond : device.nodeBytesPerSecond;
  return (bytes * (gpus - 1)) / gpus / (link * REACHED.link);
}

/** Estimates a step of training by FSDP on N equal GPUs, which sample in between with a replica each. */
export function estimateStepTime(work: StepWork, gpus: number, device: Accelerator): StepTime {
  const sampling = computeSamplingSeconds(work, gpus, device);
  const flops = device.flops * REACHED.flops;
  const tokens = work.trainedTokens / gpus;
  const batches = Math.ceil(tokens / work.microbatchTokens);
  let [logprobs, gradient, communication, optimiser] = [0, 0, 0, 0];
  for (const { shape, forwardPasses } of work.models) {
    const forward = (tokens * countForwardFlops(shape, work.contextTokens)) / flops;
    const parameters = countParameters(shape);
    const gather = batches * computeCollectiveSeconds(parameters * HALF, gpus, device);
    const scatter = batches * computeCollectiveSeconds(parameters * FLOAT, gpus, device);
    // FSDP gathers the next layer while one is computed, so the longer of both counts.
    logprobs += forwardPasses * Math.max(forward, gather);
    gradient +=
      work.epochs * Math.max(forward * (work.checkpointing ? 4 : 3), 2 * gather + scatter);
    communication += forwardPasses * gather + work.epochs * (2 * gather + scatter);
    optimiser +=
      (work.updates * parameters * OPTIMISER_BYTES) /
      gpus /
      (device.memoryBytesPerSecond * REACHED.memory);
  }
  const total = sampling + logprobs + gradient + optimiser;
  return {
    gpus,
    sampling,
    logprobs,
    gradient,
    communication,
    optimiser,
    total,
    tokensPerSecondAndGpu: (work.episodes * work.contextTokens) / total / gpus,
  };
}

/**
 * Each GPU writes its share of the episodes: a token of all that fit at once for every time that it reads the weights and
 * their keys and values, or for their operations where these take longer. The longest episode alone bounds it from below.
 */
function computeSamplingSeconds(work: StepWork, gpus: number, device: Accelerator): number {
  const { shape } = work.models[0]!;
  const weights = countParameters(shape) * HALF;
  const episode = work.contextTokens * shape.layers * 2 * getKeyWidth(shape) * HALF;
  const rows = Math.ceil(work.episodes / gpus);
  const room = Math.floor((device.memoryBytes * work.samplingMemory - weights) / episode);
  const atOnce = Math.max(1, Math.min(rows, room));
  const bandwidth = device.memoryBytesPerSecond * REACHED.memory;
  const flops = device.flops * REACHED.flops;
  const operations = countForwardFlops(shape, work.contextTokens);
  const token = Math.max(
    // An episode that is written has half of its keys and values on average.
    (weights + (atOnce * episode) / 2) / bandwidth,
    (atOnce * operations) / flops,
  );
  const read = (rows * (work.contextTokens - work.writtenTokens) * operations) / flops;
  const written = (rows / atOnce) * work.writtenTokens * token;
  return Math.max(read + written, (work.longestTokens * weights) / bandwidth);
}

/** The mean length of an episode, in tokens, at which the gradient takes so many seconds. Both grow together. */
export function findContextTokens(
  seconds: number,
  buildWork: (contextTokens: number) => StepWork,
  gpus: number,
  device: Accelerator,
): number {
  let [low, high] = [1, 2 ** 20];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (estimateStepTime(buildWork(middle), gpus, device).gradient < seconds) low = middle;
    else high = middle;
  }
  return high;
}
