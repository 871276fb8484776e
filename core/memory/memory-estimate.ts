import { formatBytes } from "./index-plan";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import { markMessage } from "@/core/texts/mark-message";
import {
  countAdapterParameters,
  getKeyWidth,
  countLayerParameters,
  countParameters,
  getQueryWidth,
  countVocabularyParameters,
} from "./model-shape";

/**
 * Estimates the memory of one device that a training run takes, in bytes. Pure, so that the form, the command line and
 * the worker agree. The figures follow the engine (gpu-workers/engine): what is kept for the whole run is added up, and
 * of the three phases of a step only the largest counts, because their memory is reused. On a CPU all three count,
 * because freed memory stays with the process and only partly fits the tensors of the next phase.
 * Measured against the engine on a CPU (memory.long.test.ts); on GPUs by calculation only.
 */

/** What is trained of a model. */
export type Tuning =
  { kind: "lora"; rank: number; firstLayer: number } | { kind: "full"; firstLayer: number };

export interface MemorySpec {
  device: "cpu" | "cuda" | "mps";
  /** Bytes of a number of the frozen weights and the activations: 2 in bfloat16, 4 in float32. */
  dtypeBytes: 2 | 4;
  searcher: ModelShape;
  tuning: Tuning;
  /** PPO's critic; `shape` null: on the searcher's own base, which is held once. */
  critic: { shape: ModelShape | null; tuning: Tuning } | null;
  /** A frozen generator in the same engine; null: at an endpoint. */
  generator: { shape: ModelShape; sharesBase: boolean; tokens: number } | null;
  /** A frozen copy of the trained weights is kept, as the reference of the KL penalty. */
  reference: boolean;
  /** Episodes of a step, and how many of them share a question. */
  episodes: number;
  groupSize: number;
  /** Tokens of the first prompt, and of the longest episode with it. */
  promptTokens: number;
  contextTokens: number;
  /** Most tokens that are read at once in a later turn. */
  windowTokens: number;
  /** Packed tokens of one micro-batch of the gradient. */
  tokenBudget: number;
  /** Bound of each cache of activations. */
  cacheBytes: number;
  /** Activations are computed again in the backward pass instead of kept. */
  checkpointing: boolean;
  /** AdamW's two moments and the reference lie in the machine's memory instead of the GPU's. */
  offloadOptimizer: boolean;
  /** The engine samples the next step between this step's gradient and its optimiser's step. */
  overlap?: boolean;
  /** Bytes of the same device that vLLM reserves; null: the engine samples. */
  vllmBytes: number | null;
}

/** What takes memory; pages show the names. */
export const MEMORY_PARTS = [
  "weights",
  "merged weights",
  "trained weights and optimiser",
  "critic",
  "generator",
  "caches",
  "vLLM",
  "process",
  "sampling",
  "gradient",
  "log-probabilities",
  "gather buffer",
  "reduced gradients",
  "optimiser step",
  "fragmentation",
] as const;

export interface MemoryPart {
  name: (typeof MEMORY_PARTS)[number];
  bytes: number;
  /** What it is made of, for people. */
  detail: string;
  /** Its memory is used in turn with that of the other phases. */
  phase: boolean;
}

export interface MemoryEstimate {
  parts: MemoryPart[];
  totalBytes: number;
}

export const FLOAT32 = 4;
/** Rows of a sampling batch, and rows of logits that the gradient holds at once (sampling.py, token_logprobs.py). */
const SAMPLED_ROWS = 128;
export const LOGIT_ROWS = 256;
/** Queries of a segment that read the same keys (attention.py). */
const CHUNK = 256;
/** Python, torch and the tokenizer: resident memory of an engine without a model on a CPU; a CUDA context and its libraries. */
const PROCESS_BYTES = { cpu: 0.42e9, mps: 0.42e9, cuda: 0.7e9 } as const;

/** Estimates the memory of a run by its parts. */
export function estimateMemory(demand: MemorySpec): MemoryEstimate {
  const { searcher, tuning, critic, dtypeBytes, device } = demand;
  const trained = countTrainedParameters(searcher, tuning);
  const criticShape = critic?.shape ?? searcher;
  const criticTrained = critic ? countTrainedParameters(criticShape, critic.tuning) : 0;
  const samples = demand.vllmBytes === null;

  const parts: MemoryPart[] = [
    buildPart(
      "weights",
      countParameters(searcher) * dtypeBytes,
      markMessage`${formatCount(countParameters(searcher))} parameters of ${dtypeBytes} bytes`,
    ),
    buildPart(
      "merged weights",
      samples ? countMergedBytes(searcher, tuning, dtypeBytes) : 0,
      markMessage`the trained weights as sampling computes with them`,
    ),
    buildPart(
      "trained weights and optimiser",
      countStateBytes(trained, demand, demand.reference),
      `${markMessage`${formatCount(trained)} trained parameters`}: ${markMessage`gradient`}, ${describeLastingState(demand)}`,
    ),
    buildPart(
      "critic",
      critic
        ? countStateBytes(criticTrained, demand, false) +
            (critic.shape ? countParameters(critic.shape) * dtypeBytes : 0)
        : 0,
      `${markMessage`${formatCount(criticTrained)} trained parameters with value head`}, ${describeCriticBase(critic?.shape)}`,
    ),
    ...listUnsharedParts(
      demand,
      markMessage`frozen, in the same engine`,
      countCacheBytes(demand, { lowerCaches: demand.overlap && samples ? 2 : 1 }),
    ),
    buildPart(
      "sampling",
      samples ? countSamplingBytes(demand) : 0,
      markMessage`keys and values of the sequences that are written, one layer's activations, logits`,
      true,
    ),
    buildPart(
      "gradient",
      Math.max(
        countGradientBytes(demand, searcher, tuning),
        critic ? countGradientBytes(demand, criticShape, critic.tuning) : 0,
      ),
      markMessage`activations of ${Math.round(countPackedTokens(demand))} packed tokens, logits`,
      true,
    ),
    buildPart(
      "optimiser step",
      Math.max(
        findLargestTensor(searcher, tuning),
        critic ? findLargestTensor(criticShape, critic.tuning) : 0,
      ) *
        5 *
        FLOAT32,
      markMessage`new values and moments of one tensor beside the old`,
      true,
    ),
  ];
  return addParts(parts, device);
}

/** What a process holds whole, also as one rank of several. */
export function listUnsharedParts(
  demand: MemorySpec,
  generatorNote: string,
  cacheBytes: number,
): MemoryPart[] {
  const { generator, dtypeBytes, device } = demand;
  return [
    buildPart(
      "generator",
      generator && !generator.sharesBase ? countParameters(generator.shape) * dtypeBytes : 0,
      generatorNote,
    ),
    buildPart(
      "caches",
      cacheBytes,
      markMessage`keys, values and hidden states that are used again; each cache at most ${formatBytes(demand.cacheBytes)}`,
    ),
    buildPart("vLLM", demand.vllmBytes ?? 0, markMessage`its share of the GPU`),
    buildPart(
      "process",
      PROCESS_BYTES[device],
      device === "cuda"
        ? markMessage`CUDA context and libraries`
        : markMessage`Python, torch, tokenizer`,
    ),
  ];
}

/** Adds up the parts that take memory: lasting ones, and of the phases the largest, on a CPU all. */
export function addParts(all: MemoryPart[], device: MemorySpec["device"]): MemoryEstimate {
  const parts = all.filter(({ bytes }) => bytes > 0);
  const lasting = parts.filter(({ phase }) => !phase).reduce((sum, { bytes }) => sum + bytes, 0);
  const phases = parts.filter(({ phase }) => phase).map(({ bytes }) => bytes);
  return {
    parts,
    totalBytes:
      lasting +
      (device === "cpu" ? phases.reduce((sum, bytes) => sum + bytes, 0) : Math.max(0, ...phases)),
  };
}

export const buildPart = (
  name: MemoryPart["name"],
  bytes: number,
  detail: string,
  phase = false,
): MemoryPart => ({ name, bytes, detail, phase });

/** Parameters that get a gradient. */
export function countTrainedParameters(shape: ModelShape, tuning: Tuning): number {
  if (tuning.kind === "lora") return countAdapterParameters(shape, tuning.rank, tuning.firstLayer);
  const layers =
    (shape.layers - tuning.firstLayer) * (countLayerParameters(shape) + 2 * shape.hidden) +
    shape.hidden;
  return tuning.firstLayer === 0 ? layers + countVocabularyParameters(shape) : layers;
}

/** Whether AdamW's moments and the reference are in another memory than the weights. */
const isOffloaded = ({ offloadOptimizer, device }: MemorySpec): boolean =>
  offloadOptimizer && device !== "cpu";

/** Bytes of values and AdamW's two moments in float32, and of a frozen copy of the values. */
export const countLastingStateBytes = (
  trained: number,
  demand: MemorySpec,
  reference: boolean,
): number => trained * FLOAT32 * (isOffloaded(demand) ? 1 : 3 + (reference ? 1 : 0));

/** The same with the gradient. */
const countStateBytes = (trained: number, demand: MemorySpec, reference: boolean): number =>
  countLastingStateBytes(trained, demand, reference) + trained * FLOAT32;

/** What of the state is kept besides the gradient, for people. */
export const describeLastingState = (demand: MemorySpec): string =>
  isOffloaded(demand)
    ? demand.reference
      ? markMessage`float32 values (the two moments and the reference lie in the machine's memory)`
      : markMessage`float32 values (the two moments lie in the machine's memory)`
    : demand.reference
      ? markMessage`float32 values, two moments, the reference`
      : markMessage`float32 values, two moments`;

/** Where a critic's frozen layers are, for people. @param own the shape of its own model */
export const describeCriticBase = (own: ModelShape | null | undefined): string =>
  own ? markMessage`on a model of its own` : markMessage`on the searcher's base`;

/** An adapter is added into copies of the matrices that it adapts; whole weights are cast, where the device computes in another format than float32. */
export function countMergedBytes(shape: ModelShape, tuning: Tuning, dtypeBytes: number): number {
  if (tuning.kind === "lora")
    return (shape.layers - tuning.firstLayer) * countLayerParameters(shape) * dtypeBytes;
  return dtypeBytes === FLOAT32 ? 0 : countTrainedParameters(shape, tuning) * dtypeBytes;
}

/** Numbers of the largest tensor that is trained: the optimiser goes tensor by tensor. */
export function findLargestTensor(shape: ModelShape, tuning: Tuning): number {
  if (tuning.kind === "lora")
    return Math.max(shape.intermediate, getQueryWidth(shape)) * tuning.rank;
  return Math.max(
    2 * shape.intermediate * shape.hidden,
    tuning.firstLayer === 0 ? shape.vocabulary * shape.hidden : 0,
  );
}

/** Tokens of a step, each shared prompt once. */
export const countStepTokens = ({
  episodes,
  groupSize,
  promptTokens,
  contextTokens,
}: MemorySpec): number =>
  Math.ceil(episodes / groupSize) * promptTokens + episodes * (contextTokens - promptTokens);

/** Tokens of one micro-batch: at least one whole episode, at most the whole step. */
export const countPackedTokens = (demand: MemorySpec): number =>
  Math.min(Math.max(demand.tokenBudget, demand.contextTokens), countStepTokens(demand));

/** Tokens of one sampling batch. */
function countBatchTokens({
  episodes,
  groupSize,
  promptTokens,
  contextTokens,
}: MemorySpec): number {
  const rows = Math.min(SAMPLED_ROWS, episodes);
  return Math.ceil(rows / groupSize) * promptTokens + rows * (contextTokens - promptTokens);
}

interface CacheUse {
  /** Whether what a batch needed above the bound is kept after sampling. */
  keepsBatch?: boolean;
  /** Caches below the first trained layer: two where sampling has turns between the micro-batches of a gradient. */
  lowerCaches?: number;
}

/**
 * Below the first trained layer with the hidden states, above it, and the generator's. None grows beyond its bound, but
 * for what one batch needs.
 */
export function countCacheBytes(
  demand: MemorySpec,
  { keepsBatch = true, lowerCaches = 1 }: CacheUse = {},
): number {
  const { searcher, tuning, generator, dtypeBytes } = demand;
  const needed = demand.vllmBytes === null ? countBatchTokens(demand) : 0;
  const limitBytes = (tokens: number, numbers: number, most = needed): number =>
    Math.min(
      tokens * numbers * dtypeBytes,
      Math.max(demand.cacheBytes, most * numbers * dtypeBytes),
    );
  const keys = 2 * getKeyWidth(searcher);
  const lower =
    tuning.firstLayer > 0
      ? limitBytes(countStepTokens(demand), tuning.firstLayer * keys + searcher.hidden)
      : 0;
  const upper =
    demand.vllmBytes === null
      ? limitBytes(
          countStepTokens(demand),
          (searcher.layers - tuning.firstLayer) * keys,
          keepsBatch ? needed : 0,
        )
      : 0;
  return (
    lowerCaches * lower +
    upper +
    (generator
      ? limitBytes(generator.tokens, generator.shape.layers * 2 * getKeyWidth(generator.shape))
      : 0)
  );
}

/** Numbers that one layer's forward pass holds for each token. */
const countLayerNumbers = (shape: ModelShape): number =>
  4 * shape.hidden + 2 * getQueryWidth(shape) + 2 * getKeyWidth(shape) + 3 * shape.intermediate;

export function countSamplingBytes(demand: MemorySpec): number {
  const { searcher, dtypeBytes, groupSize, promptTokens, windowTokens } = demand;
  const rows = Math.min(SAMPLED_ROWS, demand.episodes);
  const kept = countBatchTokens(demand) * searcher.layers * 2 * getKeyWidth(searcher) * dtypeBytes;
  // What is new in a turn is read in one pass.
  const read = Math.max(Math.ceil(rows / groupSize) * promptTokens, rows * windowTokens);
  const logits = rows * searcher.vocabulary * FLOAT32 * 3;
  return kept + read * countLayerNumbers(searcher) * dtypeBytes + logits;
}

/** A micro-batch's queries of one path, which read the same keys, and how many keys those are on average. */
function countKeysRead({ contextTokens, promptTokens, groupSize }: MemorySpec): {
  queries: number;
  keys: number;
} {
  const prompt = groupSize > 1 ? promptTokens : 0;
  const own = Math.max(1, contextTokens - prompt);
  const queries = Math.min(CHUNK, own);
  return { queries, keys: prompt + (own + queries) / 2 };
}

/** The additive masks of a micro-batch's attention, one for all layers and one for the last, with a row for each head of a group. */
export const countMaskBytes = (demand: MemorySpec, { heads, kvHeads }: ModelShape): number =>
  2 *
  countPackedTokens(demand) *
  countKeysRead(demand).keys *
  (heads / kvHeads) *
  demand.dtypeBytes;

/** A forward pass without gradient of a micro-batch: its masks and hidden states, one layer's numbers, and logits with what their sum takes, where the model has any. */
export const countForwardBytes = (
  demand: MemorySpec,
  shape: ModelShape,
  hasHead: boolean,
): number =>
  countPackedTokens(demand) * (shape.hidden + countLayerNumbers(shape)) * demand.dtypeBytes +
  countMaskBytes(demand, shape) +
  (hasHead ? LOGIT_ROWS * shape.vocabulary * 2 * FLOAT32 : 0);

/** What the backward pass needs of each trained layer's forward pass, one layer's gradient, and the logits of some rows. */
function countGradientBytes(demand: MemorySpec, shape: ModelShape, tuning: Tuning): number {
  const { dtypeBytes } = demand;
  const trained = countTrainedParameters(shape, tuning);
  const cast = tuning.kind === "full" && dtypeBytes !== FLOAT32 ? trained * dtypeBytes : 0;
  const { kept, backward } = countActivationBytes(demand, shape, tuning);
  return (
    kept +
    backward +
    countMaskBytes(demand, shape) +
    countLogitBytes(shape) +
    cast +
    2 * trained * FLOAT32
  );
}

/** Activations of a micro-batch: what the backward pass needs of the trained layers, and what one layer's backward pass adds. */
export function countActivationBytes(
  demand: MemorySpec,
  shape: ModelShape,
  tuning: Tuning,
): { kept: number; backward: number } {
  const { dtypeBytes } = demand;
  const tokens = countPackedTokens(demand);
  const layers = shape.layers - tuning.firstLayer;
  // Each chunk of queries gathers the keys of its whole path.
  const { queries, keys } = countKeysRead(demand);
  const layer =
    4 * shape.hidden +
    3 * getQueryWidth(shape) +
    (keys / queries) * 2 * getKeyWidth(shape) +
    3 * shape.intermediate;
  const recomputed = demand.checkpointing ? layer : 0;
  return {
    kept: tokens * layers * (demand.checkpointing ? shape.hidden : layer) * dtypeBytes,
    backward: tokens * (recomputed + countLayerNumbers(shape)) * dtypeBytes,
  };
}

/** Of the rows that are computed at once logits, probabilities, the gradient, and two terms of the entropy's (token_logprobs.py). */
export const countLogitBytes = (shape: ModelShape): number =>
  LOGIT_ROWS * shape.vocabulary * 5 * FLOAT32;

export const formatCount = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toFixed(2)} billion` : `${(count / 1e6).toFixed(1)} million`;
