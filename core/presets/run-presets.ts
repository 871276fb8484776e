import type { RunConfigInput } from "@/contracts/run-config/run-config";
import { getFetchedSetName } from "./question-presets";

export interface Preset {
  id: string;
  title: string;
  /** What it is for, in a sentence. */
  description: string;
  config: RunConfigInput;
}

const atlas = {
  data: { corpus: "atlas", trainQuestions: "atlas/train", heldOutQuestions: "atlas/held-out" },
  retriever: { kind: "dense", encoder: "minilm", variant: "fp32" },
  search: {
    protocol: "paper",
    retrieve: 3,
    select: 2,
    turns: 1,
    skipSeen: false,
    decoding: "guided",
    queryTokens: 14,
  },
  searcher: { model: "smollm2-135m-instruct", adapter: { rank: 16, alpha: 32, firstLayer: 20 } },
  generator: {
    model: "smollm2-135m-instruct",
    promptStyle: "few-shot",
    maxTokens: 12,
    ragDocuments: 3,
  },
} as const satisfies Partial<RunConfigInput>;

/** Common to all that answers the held-out questions of Atlas. */
const atlasAnswering = {
  kind: "predict",
  corpus: "atlas",
  questions: "atlas/held-out",
  retriever: atlas.retriever,
  generator: atlas.generator,
  scorer: "span",
} as const satisfies Partial<RunConfigInput>;

const atlasTraining = {
  ...atlas,
  reward: { weights: { gbr: 1 }, scorer: "span" },
  coldStart: {
    demonstrations: 192,
    batchSize: 8,
    learningRate: 1e-3,
    schedule: "linear",
    validationQuestions: 24,
    validateEvery: 8,
  },
  rl: {
    steps: 12,
    questionsPerStep: 8,
    groupSize: 4,
    temperature: 1,
    learningRate: 5e-4,
    resample: 1,
  },
  evaluation: { every: 4, questions: 72 },
  checkpointing: { every: 4 },
} as const satisfies Partial<RunConfigInput>;

/** The baselines that are trained themselves, on the embedded corpus: few tokens, because a small model often does not stop. */
const atlasBaseline = {
  kind: "train",
  data: atlas.data,
  retriever: atlas.retriever,
  searcher: atlas.searcher,
  evaluation: atlasTraining.evaluation,
  checkpointing: atlasTraining.checkpointing,
} as const;

/** GRPO as Search-R1's released script has it, with the groups, batches and learning rate of the small model. */
const atlasBaselineRl = {
  ...atlasTraining.rl,
  klCoefficient: 0.001,
  klEstimator: "k3",
  klIn: "loss",
} as const;

const ATLAS_BASELINES: readonly Preset[] = [
  {
    id: "atlas-train-search-r1",
    title: "Train Search-R1 on Atlas",
    description:
      "A 135M model learns to think, search and answer by itself: cold start on demonstrations, then GRPO with exact match of its answer as reward; retrieved documents have no loss. A laptop is enough.",
    config: {
      ...atlasBaseline,
      name: "Atlas, SmolLM2-135M, Search-R1",
      method: "search-r1",
      search: { retrieve: 3, turns: 2, decoding: "free", turnTokens: 64 },
      reward: { weights: { gbr: 0, exactMatch: 1 }, scorer: "span" },
      coldStart: atlasTraining.coldStart,
      rl: atlasBaselineRl,
    },
  },
  {
    id: "atlas-train-r1",
    title: "Train R1 on Atlas",
    description:
      "The same without search: the model answers from what it knows, rewarded for exact match and for keeping the form.",
    config: {
      ...atlasBaseline,
      name: "Atlas, SmolLM2-135M, R1",
      method: "r1",
      search: { decoding: "free", turnTokens: 64 },
      reward: { weights: { gbr: 0, exactMatch: 1, format: 0.1 }, scorer: "span" },
      coldStart: atlasTraining.coldStart,
      rl: atlasBaselineRl,
    },
  },
  {
    id: "atlas-train-sft",
    title: "Train SFT on Atlas",
    description:
      "Supervised on questions with their gold answers; of the weights compared on questions set apart, the best stay.",
    config: {
      ...atlasBaseline,
      name: "Atlas, SmolLM2-135M, SFT",
      method: "sft",
      search: { decoding: "free", turnTokens: 24 },
      reward: { scorer: "span" },
      coldStart: { ...atlasTraining.coldStart, demonstrations: 384 },
      rl: { steps: 0 },
    },
  },
];

/** The methods that s3 is compared with, on the embedded corpus, with few tokens, because a small model often does not stop. */
const ATLAS_METHODS = [
  ["direct", "Direct", "The model answers from what it knows.", 24],
  ["cot", "chain of thought", "The model reasons, then answers.", 96],
  ["ircot", "IRCoT", "Reasoning and retrieval take turns.", 32],
  ["deepretrieval", "DeepRetrieval", "One rewrite of the question into a query.", 64],
  ["search-r1", "Search-R1", "The model thinks, searches and answers in tags.", 64],
  [
    "search-o1",
    "Search-o1",
    "The model searches within its thoughts; what it finds is condensed.",
    64,
  ],
  ["r1", "R1", "The model reasons without search and answers in tags.", 96],
  ["sft", "SFT", "Whatever the model writes is the answer.", 24],
] as const;

const buildAtlasPreset = ([
  method,
  title,
  description,
  maxTokens,
]: (typeof ATLAS_METHODS)[number]): Preset => ({
  id: `atlas-${method}`,
  title: `Answer Atlas with ${title}`,
  description,
  config: {
    ...atlasAnswering,
    name: `Atlas held-out, ${title}`,
    method,
    methodSettings: { maxTokens, searches: 2 },
    searcher: { model: atlas.searcher.model },
  },
});

/** Common to all runs on Wikipedia: the paper's 8-3-3, its questions, and its generator at an endpoint. */
const wikipedia = {
  data: {
    corpus: "wiki-18",
    trainQuestions: getFetchedSetName("s3-processed-data", "train_e5_s3"),
    heldOutQuestions: getFetchedSetName("s3-processed-data", "test_e5_s3"),
  },
  retriever: { kind: "remote", url: "http://127.0.0.1:3000/retrieve" },
  search: {
    protocol: "paper",
    retrieve: 8,
    select: 3,
    turns: 3,
    decoding: "free",
    turnTokens: 500,
  },
  generator: {
    model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4",
    endpoint: "http://127.0.0.1:8000/v1",
    promptStyle: "chat",
    maxTokens: 128,
    ragDocuments: 3,
  },
  reward: { scorer: "generation-accuracy" },
  judge: { model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", endpoint: "http://127.0.0.1:8000/v1" },
  evaluation: { every: 10, questions: 500 },
} as const satisfies Partial<RunConfigInput>;

/** PPO as in train_s3.sh and appendix A.2; all other settings have their defaults. */
const paperPpo = {
  algorithm: "ppo",
  steps: 20,
  questionsPerStep: 120,
  groupSize: 1,
  miniBatch: 30,
  epochs: 1,
  temperature: 0.6,
  gamma: 1,
  lambda: 1,
  clip: 0.2,
  klCoefficient: 0.001,
  klEstimator: "k1",
  klIn: "reward",
  entropyCoefficient: 0.001,
  oldLogprobs: "trainer",
  resample: 0,
} as const;

/** The smaller searchers, trained by adapters, with learning rates for adapters. */
const QWEN_SEARCHERS = [
  ["0.5b", "0.5B", 16, "A first run on a GPU of 24 GB."],
  ["1.5b", "1.5B", 32, "For a GPU of 40 GB."],
  ["3b", "3B", 64, "For a GPU of 48 GB or more."],
  [
    "7b",
    "7B",
    64,
    "The paper's searcher by an adapter in place of full fine-tuning, for one GPU of 80 GB.",
  ],
] as const;

const buildQwenPreset = ([id, label, rank, purpose]: (typeof QWEN_SEARCHERS)[number]): Preset => ({
  id: `paper-qwen2.5-${id}`,
  title: `Qwen2.5-${label} on Wikipedia, LoRA`,
  description: `The paper's PPO with the critic as a second adapter, searcher Qwen2.5-${label}-Instruct, 8-3-3, sampled by vLLM on the same GPU. ${purpose} The generator has its own endpoint.`,
  config: {
    kind: "train",
    name: `Wikipedia, Qwen2.5-${label}, LoRA, 8-3-3`,
    ...wikipedia,
    searcher: {
      model: `qwen2.5-${id}-instruct`,
      tuning: "lora",
      adapter: { rank, alpha: 2 * rank, firstLayer: 0 },
      sampler: "vllm",
      samplerMemory: 0.4,
      activationCheckpointing: true,
    },
    rl: {
      ...paperPpo,
      learningRate: 1e-5,
      critic: { kind: "adapter", learningRate: 1e-4, valueClip: 0.5 },
    },
  },
});

/** Of Search-R1's paper (Jin et al. 2025, appendix) and released scripts, common to PPO and GRPO. */
const searchR1Rl = {
  steps: 500,
  questionsPerStep: 512,
  miniBatch: 256,
  temperature: 1,
  learningRate: 1e-6,
  lrWarmupSteps: 142,
  clip: 0.2,
  klCoefficient: 0.001,
  entropyCoefficient: 0.001,
  oldLogprobs: "trainer",
  resample: 0,
} as const;

const SEARCH_R1_ALGORITHMS = [
  [
    "ppo",
    "PPO",
    {
      algorithm: "ppo",
      groupSize: 1,
      gamma: 1,
      lambda: 1,
      klEstimator: "k1",
      klIn: "reward",
      critic: { kind: "model", learningRate: 1e-5, lrWarmupSteps: 8, valueClip: 0.5 },
    },
  ],
  ["grpo", "GRPO", { algorithm: "grpo", groupSize: 5, klEstimator: "k3", klIn: "loss" }],
] as const;

const SEARCH_R1_PRESETS: readonly Preset[] = (
  [
    ["3b", "3B"],
    ["7b", "7B"],
  ] as const
).flatMap(([size, label]) =>
  SEARCH_R1_ALGORITHMS.map(([algorithm, title, rl]) => ({
    id: `search-r1-qwen2.5-${size}-${algorithm}`,
    title: `Search-R1, Qwen2.5-${label}, ${title}`,
    description: `As Search-R1's paper trains it: Qwen2.5-${label}-Instruct, all weights, ${title}, 500 steps of 512 questions, three passages a search, exact match as reward. The paper shards it over 8 GPUs; here each GPU holds the whole, which takes more memory than most have.`,
    config: {
      kind: "train",
      name: `Wikipedia, Search-R1, Qwen2.5-${label}, ${title}`,
      method: "search-r1",
      data: wikipedia.data,
      retriever: wikipedia.retriever,
      search: { retrieve: 3, turns: 4, decoding: "free", turnTokens: 500 },
      searcher: {
        model: `qwen2.5-${size}-instruct`,
        tuning: "full",
        activationCheckpointing: true,
      },
      reward: { weights: { gbr: 0, exactMatch: 1 }, scorer: "exact-match" },
      rl: { ...searchR1Rl, ...rl },
      evaluation: { every: 50, questions: 500 },
      checkpointing: { every: 100 },
    },
  })),
);

export const PRESETS: readonly Preset[] = [
  {
    id: "atlas-smollm2",
    title: "Atlas with SmolLM2 on CPU",
    description:
      "A 135M searcher learns two-hop search on the embedded corpus by the paper's algorithm: cold start on gold paths, then PPO with a critic, a second adapter on the same model. KL, entropy, clip and four mini-batches as in the paper; groups of four, which share their prompts, and the learning rates that adapters want. A laptop is enough.",
    config: {
      kind: "train",
      name: "Atlas, SmolLM2-135M, PPO",
      ...atlasTraining,
      rl: {
        ...atlasTraining.rl,
        algorithm: "ppo",
        miniBatch: 8,
        learningRate: 3e-4,
        klCoefficient: 0.001,
        klEstimator: "k1",
        klIn: "reward",
        entropyCoefficient: 0.001,
        critic: { kind: "adapter", learningRate: 1e-3, valueClip: 0.5 },
      },
    },
  },
  {
    id: "atlas-smollm2-grpo",
    title: "Atlas with SmolLM2 on CPU, GRPO",
    description:
      "The same without a critic: a question's four samples are measured against each other.",
    config: {
      kind: "train",
      name: "Atlas, SmolLM2-135M, GRPO",
      ...atlasTraining,
    },
  },
  ...ATLAS_BASELINES,
  {
    id: "atlas-s3",
    title: "Answer Atlas with s3",
    description:
      "The search loop over the held-out questions with the untrained searcher or a checkpoint.",
    config: {
      ...atlasAnswering,
      name: "Atlas held-out, s3",
      method: "s3",
      search: atlas.search,
      searcher: atlas.searcher,
    },
  },
  {
    id: "atlas-rag",
    title: "Answer Atlas with naive RAG",
    description:
      "The baseline that GBR is measured against: the top three documents of the question itself.",
    config: {
      ...atlasAnswering,
      name: "Atlas held-out, naive RAG",
      method: "rag",
      documents: 3,
    },
  },
  ...ATLAS_METHODS.map(buildAtlasPreset),
  {
    id: "atlas-gold",
    title: "Ceiling of Atlas",
    description:
      "What the generator answers from the gold documents alone: no searcher can be expected to do better with it.",
    config: {
      ...atlasAnswering,
      name: "Atlas held-out, gold documents",
      method: "gold",
    },
  },
  {
    id: "atlas-retrieval",
    title: "Atlas retrieval",
    description:
      "How well a retriever finds the gold documents of the held-out questions: recall, full support, MRR and nDCG, by hops. About a minute on a laptop.",
    config: {
      kind: "evaluate",
      name: "Atlas held-out, MiniLM fp32",
      corpus: "atlas",
      questions: "atlas/held-out",
      k: 100,
      retriever: atlas.retriever,
    },
  },
  ...QWEN_SEARCHERS.map(buildQwenPreset),
  ...SEARCH_R1_PRESETS,
  {
    id: "serve-smollm2",
    title: "Serve SmolLM2",
    description:
      "Keeps the embedded model up as OpenAI's API, by the worker's own engine: a generator, or a method's model, for other runs and programs.",
    config: {
      kind: "serve",
      what: "model",
      name: "SmolLM2, served",
      model: "smollm2-135m-instruct",
    },
  },
  {
    id: "serve-paper-generator",
    title: "The paper's generator in vLLM",
    description:
      "Qwen2.5-14B-Instruct-GPTQ-Int4, on a worker with vLLM and a GPU. DeepRetrieval's or Search-R1's checkpoint is served alike: give its folder or its name.",
    config: {
      kind: "serve",
      what: "model",
      name: "Qwen2.5-14B, vLLM",
      model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4",
      server: { kind: "vllm", maxModelLen: 16_384 },
    },
  },
  {
    id: "paper-full",
    title: "The paper's full setting",
    description:
      "Searcher and critic Qwen2.5-7B-Instruct, all weights trained, PPO, 20 steps of 120 questions; generator Qwen2.5-14B at its own endpoint. The paper shards it over 5 A100; here each GPU holds the whole, which takes more memory than most have.",
    config: {
      kind: "train",
      name: "Wikipedia, Qwen2.5-7B, full, 8-3-3",
      ...wikipedia,
      searcher: { model: "qwen2.5-7b-instruct", tuning: "full", activationCheckpointing: true },
      rl: {
        ...paperPpo,
        learningRate: 1e-6,
        critic: { kind: "model", learningRate: 1e-5, valueClip: 0.5 },
      },
      evaluation: { every: 20, questions: 500 },
    },
  },
];

export const findPreset = (id: string): Preset | undefined => PRESETS.find((p) => p.id === id);
