import { atlas, atlasTraining, wikipedia, type Preset } from "./preset-bases";

/** Presets that train the baselines of s3's paper that are trained themselves. */

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

export const ATLAS_BASELINES: readonly Preset[] = [
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

export const SEARCH_R1_PRESETS: readonly Preset[] = (
  [
    ["3b", "3B"],
    ["7b", "7B"],
  ] as const
).flatMap(([size, label]) =>
  SEARCH_R1_ALGORITHMS.map(([algorithm, title, rl]) => ({
    id: `search-r1-qwen2.5-${size}-${algorithm}`,
    title: `Search-R1, Qwen2.5-${label}, ${title}`,
    description: `As Search-R1's paper trains it: Qwen2.5-${label}-Instruct, all weights, ${title}, 500 steps of 512 questions, three passages a search, exact match as reward. The paper shards it over 8 GPUs; here all GPUs of the worker share it.`,
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
