import { formatBytes } from "./index-plan";
import {
  estimateMemory,
  type MemoryEstimate,
  type MemorySpec,
  type Tuning,
} from "./memory-estimate";
import type { ClusterStatus } from "@/contracts/engine/cluster";
import type { ModelShape } from "@/contracts/worker-protocol/model-shape";
import { asksGenerator, dropUnusedSettings } from "@/core/run/trained-method";
import { MODEL_SHAPES } from "./model-shape";
import { readSamplerPlacement } from "@/contracts/run-config/sampler";
import { estimateShardedMemory } from "./sharded-memory";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { SearchConfig } from "@/contracts/run-config/search";
import { markMessage } from "@/core/texts/mark-message";

/** The machine that a run would use. */
export interface Machine {
  device: "cpu" | "cuda" | "mps";
  dtype: "float32" | "bfloat16" | "float16";
  /** Memory of one device: the GPU's, or the machine's where there is none. */
  deviceBytes: number;
  /** Memory of the machine, from which the engine takes the bound of its caches. */
  machineBytes: number;
  /** Devices that train one model together, each with its share of the weights; 1: it has the whole model. */
  ranks: number;
}

const GIB = 2 ** 30;

/**
 * The machine of a worker, as it attached; where its engine's ranks are those of a Ray cluster, as the engine last found them,
 * and null before. Each GPU is a rank with an equal share, so the smallest one counts.
 */
export function describeMachine(worker: {
  hardware: { memoryMb: number; gpus: readonly { memoryMb: number }[] };
  capabilities: { device: string; dtype: string; ranks?: number | null | undefined };
  cluster?: ClusterStatus | null | undefined;
}): Machine | null {
  const machineBytes = worker.hardware.memoryMb * 2 ** 20;
  if (worker.capabilities.ranks === null)
    return worker.cluster ? describeCluster(worker.cluster, machineBytes) : null;
  const gpus = worker.hardware.gpus.map(({ memoryMb }) => memoryMb * 2 ** 20);
  const gpu = gpus.length === 0 ? 0 : Math.min(...gpus);
  const device =
    worker.capabilities.device === "cuda" && gpu > 0
      ? "cuda"
      : worker.capabilities.device === "mps"
        ? "mps"
        : "cpu";
  const ranks = worker.capabilities.ranks ?? (device === "cuda" ? gpus.length : 1);
  return {
    device,
    dtype: worker.capabilities.dtype === "float32" ? "float32" : "bfloat16",
    machineBytes,
    // On a CPU the ranks are processes that share the machine.
    deviceBytes: device === "cuda" ? gpu : machineBytes / ranks,
    ranks,
  };
}

/** The machine of a rank: of several on one machine without GPUs each has its share of it. */
export function describeCluster({ ranks, nodes }: ClusterStatus, workerBytes: number): Machine {
  const machineBytes = Math.min(...ranks.map((rank) => rank.memoryBytes ?? workerBytes));
  const gpu = Math.min(...ranks.map(({ deviceMemoryBytes }) => deviceMemoryBytes ?? 0));
  const hosts = nodes.filter((node) => node.ranks.length > 0);
  const isOnGpus = gpu > 0;
  return {
    device: isOnGpus ? "cuda" : "cpu",
    dtype: ranks[0]?.dtype ?? "float32",
    machineBytes,
    deviceBytes: isOnGpus ? gpu : machineBytes / Math.max(1, ...hosts.map((n) => n.ranks.length)),
    ranks: ranks.length,
  };
}

/** The machine of an estimate where no worker is attached: one GPU of 80 GB. */
export const ASSUMED_MACHINE: Machine = {
  device: "cuda",
  dtype: "bfloat16",
  deviceBytes: 80 * GIB,
  machineBytes: 256 * GIB,
  ranks: 1,
};

/** GPUs that a person thinks of, of one size, in machines like the assumed one. */
export const describePlannedMachine = (gpus: number, gibibytes: number): Machine => ({
  ...ASSUMED_MACHINE,
  deviceBytes: gibibytes * GIB,
  ranks: gpus,
});

/** Tokens of a passage with its number, of 100 words as in wiki-18, or of the embedded corpus' single sentences. */
const PASSAGE_TOKENS = 160;
const ATLAS_PASSAGE_TOKENS = 20;
/** Instructions and question. */
const INSTRUCTION_TOKENS = { guided: 40, free: 450 } as const;
const OWN_ANSWER_TOKENS = 160;
/** Packed tokens of a micro-batch where no setting says, and the bound of a cache, as the engine sets them (forward_backward.py, engine.py). */
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
 * Estimates the memory that a training run takes on a device of this machine, of several on each; null where the shape of
 * one of its models is not known. Pure, so that the form, the server and the worker agree.
 */
export function estimateTrainingMemory(
  config: TrainConfig,
  machine: Machine,
  shapes: Shapes = {},
): MemoryEstimate | null {
  const spec = buildMemorySpec(config, machine, shapes);
  if (spec === null) return null;
  if (machine.ranks === 1) return estimateMemory(spec);
  const base = sharesBase(config, machine, shapes) ? "sharded" : "whole";
  return estimateShardedMemory(spec, { ranks: machine.ranks, base });
}

/**
 * Whether each of several ranks holds only its share of the frozen weights below adapters: where whole ones would not fit,
 * since gathering them costs communication, and no generator in the engine needs them whole.
 */
export function sharesBase(config: TrainConfig, machine: Machine, shapes: Shapes = {}): boolean {
  const { ranks, deviceBytes } = machine;
  const spec = ranks > 1 ? buildMemorySpec(config, machine, shapes) : null;
  if (spec === null || spec.generator?.sharesBase) return false;
  const [whole, sharded] = (["whole", "sharded"] as const).map(
    (base) => estimateShardedMemory(spec, { ranks, base }).totalBytes,
  );
  return judgeMemory(whole!, deviceBytes) !== "fits" && sharded! < whole!;
}

/** What of a configuration decides about memory; null where the shape of one of its models is not known. */
export function buildMemorySpec(
  config: TrainConfig,
  machine: Machine,
  shapes: Shapes = {},
): MemorySpec | null {
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
  return {
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
    tokenBudget: searcher.microbatchTokens ?? TOKEN_BUDGET,
    offloadOptimizer: searcher.offloadOptimizer ?? false,
    overlap: rl.overlap,
    cacheBytes: computeCacheBound(machine.machineBytes),
    checkpointing: searcher.activationCheckpointing,
    vllmBytes: searcher.sampler === "vllm" ? countVllmBytes(searcher, machine) : null,
  };
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

/** An estimate with the device that it is held against, and what to change where it does not fit. */
export interface JudgedMemory extends MemoryEstimate {
  device: Machine["device"];
  deviceBytes: number;
  ranks: number;
  verdict: MemoryVerdict;
  advice: string | null;
}

/** Estimates and judges at once; null where the shape of one of the models is not known. */
export function judgeTrainingMemory(
  config: TrainConfig,
  machine: Machine,
  shapes: Shapes = {},
): JudgedMemory | null {
  const estimate = estimateTrainingMemory(config, machine, shapes);
  if (estimate === null) return null;
  const { device, deviceBytes, ranks } = machine;
  const verdict = judgeMemory(estimate.totalBytes, deviceBytes);
  const advice = verdict === "fits" ? null : adviseOnMemory(estimate, config, machine, shapes);
  return { ...estimate, device, deviceBytes, ranks, verdict, advice };
}

/** A change after which the run fits, with the memory that it then takes of a device. */
interface FittingChange {
  change: string;
  totalBytes: number;
}

/** More ranks than this are not proposed. */
const MOST_RANKS = 64;

/** A configuration with another choice, and how that is said. */
type Alternative = [change: string, config: TrainConfig];

/** Choices that take less memory, each by itself. */
function listAlternatives(config: TrainConfig, device: Machine["device"]): Alternative[] {
  const { searcher, rl } = config;
  const critic = { ...rl.critic, kind: "adapter", model: null } as const;
  const withAdapter = { ...config, rl: { ...rl, critic } };
  const lora = { ...searcher, tuning: "lora" } as const;
  const offloaded = { ...searcher, offloadOptimizer: true };
  const apart = { ...searcher, sampler: "vllm", samplerPlacement: "apart" } as const;
  const sharesGpus =
    searcher.sampler === "engine" || readSamplerPlacement(searcher).placement === "colocated";
  const trainsCritic = rl.algorithm === "ppo" && rl.critic.kind === "model";
  const isFull = searcher.tuning === "full";
  const alternatives: [applies: boolean, ...Alternative][] = [
    [!searcher.activationCheckpointing, CHECKPOINTING, switchCheckpointingOn(config)],
    [
      !searcher.offloadOptimizer && device !== "cpu",
      "searcher.offloadOptimizer=true",
      { ...config, searcher: offloaded },
    ],
    [
      device === "cuda" && sharesGpus && config.search.decoding === "free",
      searcher.sampler === "vllm"
        ? "searcher.samplerPlacement=apart on further GPUs"
        : "searcher.sampler=vllm with searcher.samplerPlacement=apart on further GPUs",
      { ...config, searcher: apart },
    ],
    [trainsCritic, "rl.critic.kind=adapter", withAdapter],
    [isFull, "searcher.tuning=lora", { ...config, searcher: lora }],
    [
      isFull && trainsCritic,
      "searcher.tuning=lora with rl.critic.kind=adapter",
      { ...withAdapter, searcher: lora },
    ],
  ];
  return alternatives.flatMap(([applies, ...alternative]) => (applies ? [alternative] : []));
}

const CHECKPOINTING = "searcher.activationCheckpointing=true";
const switchCheckpointingOn = (config: TrainConfig): TrainConfig => ({
  ...config,
  searcher: { ...config.searcher, activationCheckpointing: true },
});

/** Changes after which the run fits comfortably, by calculation: of the configuration, and of the number of GPUs. */
function listFittingChanges(
  config: TrainConfig,
  machine: Machine,
  shapes: Shapes,
): FittingChange[] {
  const tryOn = (on: Machine, change: string, changed: TrainConfig): FittingChange | null => {
    const totalBytes = estimateTrainingMemory(changed, on, shapes)?.totalBytes ?? Infinity;
    return judgeMemory(totalBytes, on.deviceBytes) === "fits" ? { change, totalBytes } : null;
  };
  const found = listAlternatives(config, machine.device).map(([change, changed]) =>
    tryOn(machine, change, changed),
  );
  if (machine.device === "cuda") {
    const findRanks = (suffix: string, changed: TrainConfig): FittingChange | null => {
      for (let ranks = machine.ranks + 1; ranks <= MOST_RANKS; ranks++) {
        const what = `${ranks} GPUs of ${formatBytes(machine.deviceBytes)}${suffix}`;
        const fitting = tryOn({ ...machine, ranks }, what, changed);
        if (fitting) return fitting;
      }
      return null;
    };
    found.push(findRanks("", config));
    if (!config.searcher.activationCheckpointing)
      found.push(findRanks(` with ${CHECKPOINTING}`, switchCheckpointingOn(config)));
  }
  return found.filter((change) => change !== null);
}

/** What is the largest part and which changes make the run fit; where none does, what makes the part smaller. */
function adviseOnMemory(
  estimate: MemoryEstimate,
  config: TrainConfig,
  machine: Machine,
  shapes: Shapes = {},
): string {
  const largest = [...estimate.parts].sort((a, b) => b.bytes - a.bytes)[0]!;
  const found = markMessage`the largest part is ${largest.name} (${formatBytes(largest.bytes)})`;
  const changes = listFittingChanges(config, machine, shapes);
  if (changes.length === 0) return `${found}: ${adviseOnPart(largest.name, config)}`;
  const listed = changes.map(
    ({ change, totalBytes }) => `${change} (${formatBytes(totalBytes)} each)`,
  );
  return `${found}; ${markMessage`any one of these makes it fit: ${listed.join(", ")}`}`;
}

/** Which setting makes a part smaller. */
function adviseOnPart(name: MemoryEstimate["parts"][number]["name"], config: TrainConfig): string {
  const advice: Partial<Record<typeof name, string>> = {
    gradient: config.searcher.activationCheckpointing
      ? markMessage`shorten the episodes (search.turns, search.retrieve, search.turnTokens)`
      : markMessage`switch searcher.activationCheckpointing on`,
    "trained weights and optimiser":
      config.searcher.tuning === "full"
        ? markMessage`set searcher.tuning to lora, or raise searcher.adapter.firstLayer`
        : markMessage`lower searcher.adapter.rank`,
    "optimiser step": markMessage`set searcher.tuning to lora, or raise searcher.adapter.firstLayer`,
    critic:
      config.rl.critic.kind === "model"
        ? markMessage`set rl.critic.kind to adapter`
        : markMessage`lower searcher.adapter.rank`,
    "merged weights": markMessage`raise searcher.adapter.firstLayer`,
    sampling: markMessage`lower rl.questionsPerStep or shorten the episodes`,
    vLLM: markMessage`lower searcher.samplerMemory`,
    generator: markMessage`give the generator an endpoint of its own`,
  };
  return advice[name] ?? markMessage`choose a smaller model`;
}
