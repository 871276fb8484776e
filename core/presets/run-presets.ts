import type { RunConfigInput } from "@/contracts/run-config/run-config";
import { ATLAS_BASELINES, SEARCH_R1_PRESETS } from "./baseline-presets";
import { atlas, atlasTraining, SERVED_PORTS, wikipedia, type Preset } from "./preset-bases";

/** Common to all that answers the held-out questions of Atlas. */
const atlasAnswering = {
  kind: "predict",
  corpus: "atlas",
  questions: "atlas/held-out",
  retriever: atlas.retriever,
  generator: atlas.generator,
  scorer: "span",
} as const satisfies Partial<RunConfigInput>;

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
  {
    id: "atlas-smollm2-tinker",
    title: "Atlas with SmolLM2 at a Tinker service, GRPO",
    description:
      "GRPO with what a Tinker-compatible service can do: free decoding, an adapter on all layers, no critic. The worker is started with --tinker-url; the frozen generator stays in its own engine.",
    config: {
      kind: "train",
      name: "Atlas, SmolLM2-135M, GRPO, Tinker",
      ...atlasTraining,
      search: { ...atlas.search, decoding: "free", turnTokens: 64 },
      searcher: { ...atlas.searcher, adapter: { rank: 16, alpha: 32, firstLayer: 0 } },
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
    id: "serve-paper-retriever",
    title: "The paper's retriever",
    description:
      "E5 on Wikipedia 2018 as /retrieve, where the presets on Wikipedia ask it. A run on the worker that holds the corpus can search it itself: retriever of kind dense.",
    config: {
      kind: "serve",
      name: "Wikipedia 2018, E5, served",
      corpus: "wiki-18",
      retriever: { kind: "dense", encoder: "e5-base-v2" },
      port: SERVED_PORTS.retriever,
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
      port: SERVED_PORTS.generator,
    },
  },
  {
    id: "paper-full",
    title: "The paper's full setting",
    description:
      "Searcher and critic Qwen2.5-7B-Instruct, all weights trained, PPO, 20 steps of 120 questions; generator Qwen2.5-14B at its own endpoint. For five GPUs of 80 GB, as in the paper: they share the weights, vLLM samples beside them, and AdamW's moments and the reference lie in the machine's memory.",
    config: {
      kind: "train",
      name: "Wikipedia, Qwen2.5-7B, full, 8-3-3",
      ...wikipedia,
      searcher: {
        model: "qwen2.5-7b-instruct",
        tuning: "full",
        sampler: "vllm",
        samplerMemory: 0.35,
        samplerReplicas: 5,
        activationCheckpointing: true,
        offloadOptimizer: true,
      },
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
