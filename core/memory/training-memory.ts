import { formatBytes } from "./index-plan";
import { estimateMemory, type MemoryEstimate, type Tuning } from "./memory-estimate";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import { asksGenerator, dropUnusedSettings } from "@/core/run/trained-method";
import { MODEL_SHAPES } from "./model-shape";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { SearchConfig } from "@/contracts/run-config/search";

/** The machine that a run would use. */
export interface Machine {
  device: "cpu" | "cuda" | "mps";
  dtype: "float32" | "bfloat16" | "float16";
  /** Memory of one device: the GPU's, or the machine's where there is none. */
  deviceBytes: number;
  /** Memory of the machine, from which the engine takes the bound of its caches. */
  machineBytes: number;
}

const GIB = 2 ** 30;

/** The machine of a worker, as it attached; of several GPUs the largest, since each holds the whole model. */
export function describeMachine(worker: {
  hardware: { memoryMb: number; gpus: readonly { memoryMb: number }[] };
  capabilities: { device: string; dtype: string };
}): Machine {
  const machineBytes = worker.hardware.memoryMb * 2 ** 20;
  const gpu = Math.max(0, ...worker.hardware.gpus.map(({ memoryMb }) => memoryMb)) * 2 ** 20;
  const device =
    worker.capabilities.device === "cuda" && gpu > 0
      ? "cuda"
      : worker.capabilities.device === "mps"
        ? "mps"
        : "cpu";
  return {
    device,
    dtype: worker.capabilities.dtype === "float32" ? "float32" : "bfloat16",
    machineBytes,
    deviceBytes: device === "cuda" ? gpu : machineBytes,
  };
}

/** The machine of an estimate where no worker is attached: one GPU of 80 GB. */
export const ASSUMED_MACHINE: Machine = {
  device: "cuda",
  dtype: "bfloat16",
  deviceBytes: 80 * GIB,
  machineBytes: 256 * GIB,
};

/** Tokens of a passage with its number, of 100 words as in wiki-18, or of the embedded corpus' single sentences. */
const PASSAGE_TOKENS = 160;
const ATLAS_PASSAGE_TOKENS = 20;
/** Instructions and question. */
const INSTRUCTION_TOKENS = { guided: 40, free: 450 } as const;
const OWN_ANSWER_TOKENS = 160;
/** Packed tokens of a micro-batch, and the bound of a cache, as the engine sets them (forward_backward.py, engine.py). */
const TOKEN_BUDGET = 2048;
const computeCacheBound = (machineBytes: number): number => Math.min(2 ** 31, machineBytes / 12);
/** Few-shot examples or chat template around a generator's documents. */
const GENERATOR_TOKENS = 150;

/** Length of an episode in tokens: its first prompt, what each later turn shows, and the longest that it may become. */
function estimateEpisodeTokens(
  search: SearchConfig,
  corpus: string,
): { prompt: number; window: number; longest: number } {
  const passage = corpus === "atlas" ? ATLAS_PASSAGE_TOKENS : PASSAGE_TOKENS;
  const upstream = search.protocol === "upstream";
  const searches = search.turns + (upstream ? 1 : 0);
  const prompt = INSTRUCTION_TOKENS[search.decoding] + (upstream ? 12 : search.retrieve) * passage;
  const turn =
    search.decoding === "free" ? search.turnTokens : search.queryTokens + 30 + 2 * search.select;
  return {
    prompt,
    window: search.retrieve * passage,
    longest: prompt + searches * search.retrieve * passage + (searches + 1) * turn,
  };
}

/** The same of a method that answers by itself: its first prompt shows no documents. */
function estimateOwnAnswerTokens(
  search: SearchConfig,
  corpus: string,
): ReturnType<typeof estimateEpisodeTokens> {
  const window = search.retrieve * (corpus === "atlas" ? ATLAS_PASSAGE_TOKENS : PASSAGE_TOKENS);
  const longest =
    OWN_ANSWER_TOKENS + search.turns * window + (search.turns + 1) * search.turnTokens;
  return { prompt: OWN_ANSWER_TOKENS, window, longest };
}

/** Shapes that workers report, used before the known ones. */
export type Shapes = Readonly<Record<string, ModelShape>>;

/**
 * Estimates the memory that a training run takes on a device of this machine; null where the shape of one of its models
 * is not known. Pure, so that the form, the server and the worker agree.
 */
export function estimateTrainingMemory(
  config: TrainConfig,
  machine: Machine,
  shapes: Shapes = {},
): MemoryEstimate | null {
  const findShape = (name: string): ModelShape | null => shapes[name] ?? MODEL_SHAPES[name] ?? null;
  const { searcher, generator, rl, search, data } = dropUnusedSettings(config);
  const shape = findShape(searcher.model);
  if (shape === null) return null;
  const isS3 = asksGenerator(config);
  const generatorShape = isS3 && generator.endpoint === null ? findShape(generator.model) : null;
  const tokens = isS3
    ? estimateEpisodeTokens(search, data.corpus)
    : estimateOwnAnswerTokens(search, data.corpus);
  const episodes = rl.questionsPerStep * rl.groupSize;
  const passage = data.corpus === "atlas" ? ATLAS_PASSAGE_TOKENS : PASSAGE_TOKENS;
  const adapter: Tuning = {
    kind: "lora",
    rank: searcher.adapter.rank,
    firstLayer: searcher.adapter.firstLayer,
  };
  const tuning: Tuning =
    searcher.tuning === "lora"
      ? adapter
      : { kind: "full", firstLayer: searcher.adapter.firstLayer };
  const criticShape = rl.critic.model === null ? null : findShape(rl.critic.model);
  if (rl.algorithm === "ppo" && rl.critic.model !== null && criticShape === null) return null;
  const criticTuning: Tuning =
    rl.critic.kind === "adapter"
      ? adapter
      : { kind: "full", firstLayer: criticShape ? 0 : adapter.firstLayer };
  return estimateMemory({
    device: machine.device,
    dtypeBytes: machine.dtype === "float32" ? 4 : 2,
    searcher: shape,
    tuning,
    critic: rl.algorithm === "ppo" ? { shape: criticShape, tuning: criticTuning } : null,
    generator: generatorShape && {
      shape: generatorShape,
      sharesBase: generator.model === searcher.model,
      tokens:
        episodes *
        (GENERATOR_TOKENS +
          Math.max(generator.ragDocuments, search.select * (search.turns + 1)) * passage),
    },
    reference: true,
    episodes,
    groupSize: rl.groupSize,
    promptTokens: Math.min(tokens.prompt, shape.maxLength - 1),
    contextTokens: Math.min(tokens.longest, shape.maxLength),
    windowTokens: tokens.window,
    tokenBudget: TOKEN_BUDGET,
    cacheBytes: computeCacheBound(machine.machineBytes),
    checkpointing: searcher.activationCheckpointing,
    vllmBytes: searcher.sampler === "vllm" ? countVllmBytes(searcher, machine) : null,
  });
}

/** What vLLM takes of the device that trains: its share, or nothing where it has GPUs of its own. */
const countVllmBytes = (
  searcher: TrainConfig["searcher"],
  { deviceBytes }: Pick<Machine, "deviceBytes">,
): number =>
  readSamplerPlacement(searcher).placement === "apart" ? 0 : searcher.samplerMemory * deviceBytes;

/** An estimate up to this share of a device's memory fits even if it is a quarter too low. */
const COMFORTABLE_SHARE = 0.8;
export type MemoryVerdict = "fits" | "tight" | "too small";
export const judgeMemory = (neededBytes: number, deviceBytes: number): MemoryVerdict =>
  neededBytes <= COMFORTABLE_SHARE * deviceBytes
    ? "fits"
    : neededBytes <= deviceBytes
      ? "tight"
      : "too small";

/** Which setting to change where the memory is too small, by the largest part. */
export function adviseOnMemory({ parts }: MemoryEstimate, config: TrainConfig): string {
  const largest = [...parts].sort((a, b) => b.bytes - a.bytes)[0]!;
  const advice: Partial<Record<(typeof parts)[number]["name"], string>> = {
    gradient: config.searcher.activationCheckpointing
      ? "shorten the episodes (search.turns, search.retrieve, search.turnTokens)"
      : "switch searcher.activationCheckpointing on",
    "trained weights and optimiser":
      config.searcher.tuning === "full"
        ? "set searcher.tuning to lora, or raise searcher.adapter.firstLayer"
        : "lower searcher.adapter.rank",
    "optimiser step": "set searcher.tuning to lora, or raise searcher.adapter.firstLayer",
    critic:
      config.rl.critic.kind === "model"
        ? "set rl.critic.kind to adapter"
        : "lower searcher.adapter.rank",
    "merged weights": "raise searcher.adapter.firstLayer",
    sampling: "lower rl.questionsPerStep or shorten the episodes",
    vLLM: "lower searcher.samplerMemory",
    generator: "give the generator an endpoint of its own",
  };
  return `the largest part is ${largest.name} (${formatBytes(largest.bytes)}): ${advice[largest.name] ?? "choose a smaller model"}`;
}
