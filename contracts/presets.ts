import type { RunConfigInput } from "./run-config";

export interface Preset {
  id: string;
  title: string;
  /** What it is for, in a sentence. */
  description: string;
  /** What a worker must have; checked against the attached workers before launch. */
  requires: { gpuMemoryGiB: number; models: string[]; corpus?: string };
  config: RunConfigInput;
}

const atlas = {
  data: { corpus: "atlas", trainQuestions: "atlas/train", heldOutQuestions: "atlas/held-out" },
  retriever: { kind: "dense", encoder: "minilm", variant: "fp32" },
  search: { protocol: "paper", retrieve: 3, select: 2, turns: 1, skipSeen: false, decoding: "guided", queryTokens: 14 },
  searcher: { model: "smollm2-135m-instruct", adapter: { rank: 16, alpha: 32, firstLayer: 20 } },
  generator: { model: "smollm2-135m-instruct", promptStyle: "few-shot", maxTokens: 12, ragDocuments: 3 },
} as const satisfies Partial<RunConfigInput>;

/** The methods that s3 is compared with, on the embedded corpus: short texts, so that a small model ends soon. */
const ATLAS_METHODS = [
  ["direct", "Direct", "The model answers from what it knows.", 24],
  ["cot", "chain of thought", "The model reasons, then answers.", 96],
  ["ircot", "IRCoT", "Reasoning and retrieval take turns.", 32],
  ["deepretrieval", "DeepRetrieval", "One rewrite of the question into a query.", 64],
  ["search-r1", "Search-R1", "The model thinks, searches and answers in tags.", 64],
  ["search-o1", "Search-o1", "The model searches within its thoughts; what it finds is condensed.", 64],
  ["r1", "R1", "The model reasons without search and answers in tags.", 96],
  ["sft", "SFT", "Whatever the model writes is the answer.", 24],
] as const;

const atlasMethod = ([method, title, description, maxTokens]: (typeof ATLAS_METHODS)[number]): Preset => ({
  id: `atlas-${method}`,
  title: `Answer Atlas with ${title}`,
  description,
  requires: { gpuMemoryGiB: 0, models: ["smollm2-135m-instruct"], corpus: "atlas" },
  config: {
    kind: "predict",
    name: `Atlas held-out, ${title}`,
    method,
    methodSettings: { maxTokens, searches: 2 },
    corpus: "atlas",
    questions: "atlas/held-out",
    retriever: atlas.retriever,
    searcher: { model: atlas.searcher.model },
    generator: atlas.generator,
    scorer: "span",
  },
});

const paperSearch = { protocol: "paper", retrieve: 8, select: 3, turns: 3, decoding: "free", turnTokens: 500 } as const;

export const PRESETS: readonly Preset[] = [
  {
    id: "atlas-smollm2",
    title: "Atlas with SmolLM2 on CPU",
    description: "A 135M searcher learns two-hop search on the embedded corpus: cold start on gold paths, then GRPO. A laptop is enough.",
    requires: { gpuMemoryGiB: 0, models: ["smollm2-135m-instruct"], corpus: "atlas" },
    config: {
      kind: "train",
      name: "Atlas, SmolLM2-135M, GRPO",
      ...atlas,
      reward: { weights: { gbr: 1 }, scorer: "span" },
      coldStart: { demonstrations: 96, batchSize: 8, learningRate: 1e-3 },
      rl: { steps: 12, questionsPerStep: 8, groupSize: 4, temperature: 1, learningRate: 5e-4, resample: 1 },
      evaluation: { every: 4, questions: 72 },
      checkpointing: { every: 4 },
    },
  },
  {
    id: "atlas-s3",
    title: "Answer Atlas with s3",
    description: "The search loop over the held-out questions with the untrained searcher or a checkpoint.",
    requires: { gpuMemoryGiB: 0, models: ["smollm2-135m-instruct"], corpus: "atlas" },
    config: { kind: "predict", name: "Atlas held-out, s3", method: "s3", corpus: "atlas", questions: "atlas/held-out", retriever: atlas.retriever, search: atlas.search, searcher: atlas.searcher, generator: atlas.generator, scorer: "span" },
  },
  {
    id: "atlas-rag",
    title: "Answer Atlas with naive RAG",
    description: "The baseline that GBR is measured against: the top three documents of the question itself.",
    requires: { gpuMemoryGiB: 0, models: ["smollm2-135m-instruct"], corpus: "atlas" },
    config: { kind: "predict", name: "Atlas held-out, naive RAG", method: "rag", corpus: "atlas", questions: "atlas/held-out", retriever: atlas.retriever, generator: atlas.generator, scorer: "span", documents: 3 },
  },
  ...ATLAS_METHODS.map(atlasMethod),
  {
    id: "atlas-gold",
    title: "Ceiling of Atlas",
    description: "What the generator answers from the gold documents alone: no searcher can be expected to do better with it.",
    requires: { gpuMemoryGiB: 0, models: ["smollm2-135m-instruct"], corpus: "atlas" },
    config: { kind: "predict", name: "Atlas held-out, gold documents", method: "gold", corpus: "atlas", questions: "atlas/held-out", retriever: atlas.retriever, generator: atlas.generator, scorer: "span" },
  },
  {
    id: "atlas-retrieval",
    title: "Atlas retrieval",
    description: "How well a retriever finds the gold documents of the held-out questions: recall, full support, MRR and nDCG, by hops. About a minute on a laptop.",
    requires: { gpuMemoryGiB: 0, models: [], corpus: "atlas" },
    config: { kind: "evaluate", name: "Atlas held-out, MiniLM fp32", corpus: "atlas", questions: "atlas/held-out", k: 100, retriever: atlas.retriever },
  },
  {
    id: "serve-smollm2",
    title: "Serve SmolLM2",
    description: "Keeps the embedded model up as OpenAI's API, by the worker's own engine: a generator, or a method's model, for other runs and programs.",
    requires: { gpuMemoryGiB: 0, models: ["smollm2-135m-instruct"] },
    config: { kind: "serve", what: "model", name: "SmolLM2, served", model: "smollm2-135m-instruct" },
  },
  {
    id: "serve-paper-generator",
    title: "The paper's generator in vLLM",
    description: "Qwen2.5-14B-Instruct-GPTQ-Int4, on a worker with vLLM and a GPU. DeepRetrieval's or Search-R1's checkpoint is served alike: give its folder or its name.",
    requires: { gpuMemoryGiB: 24, models: [] },
    config: { kind: "serve", what: "model", name: "Qwen2.5-14B, vLLM", model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", server: { kind: "vllm", maxModelLen: 16_384 } },
  },
  {
    id: "paper-qwen2.5-7b",
    title: "The paper: Qwen2.5-7B on Wikipedia",
    description: "Searcher Qwen2.5-7B-Instruct, generator Qwen2.5-14B-Instruct at its own endpoint, 8-3-3, 20 steps. Needs a GPU box with both models and the wiki-18 corpus.",
    requires: { gpuMemoryGiB: 320, models: ["qwen2.5-7b-instruct"], corpus: "wiki-18" },
    config: {
      kind: "train",
      name: "Wikipedia, Qwen2.5-7B, 8-3-3",
      data: { corpus: "wiki-18", trainQuestions: "nq-hotpotqa/train", heldOutQuestions: "nq-hotpotqa/test" },
      retriever: { kind: "remote", url: "http://127.0.0.1:3000/retrieve" },
      search: paperSearch,
      searcher: { model: "qwen2.5-7b-instruct", adapter: { rank: 64, alpha: 128, firstLayer: 0 } },
      generator: { model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", endpoint: "http://127.0.0.1:8000/v1", promptStyle: "chat", maxTokens: 128, ragDocuments: 3 },
      rl: { steps: 20, questionsPerStep: 120, groupSize: 4, temperature: 0.6, learningRate: 1e-5, klCoefficient: 0.001, entropyCoefficient: 0.001 },
      evaluation: { every: 10, questions: 500 },
    },
  },
  {
    id: "paper-qwen2.5-3b",
    title: "Smaller: Qwen2.5-3B on Wikipedia",
    description: "As the paper's, with a 3B searcher for one large GPU.",
    requires: { gpuMemoryGiB: 70, models: ["qwen2.5-3b-instruct"], corpus: "wiki-18" },
    config: {
      kind: "train",
      name: "Wikipedia, Qwen2.5-3B, 8-3-3",
      data: { corpus: "wiki-18", trainQuestions: "nq-hotpotqa/train", heldOutQuestions: "nq-hotpotqa/test" },
      retriever: { kind: "remote", url: "http://127.0.0.1:3000/retrieve" },
      search: paperSearch,
      searcher: { model: "qwen2.5-3b-instruct", adapter: { rank: 64, alpha: 128, firstLayer: 0 } },
      generator: { model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", endpoint: "http://127.0.0.1:8000/v1", promptStyle: "chat", maxTokens: 128, ragDocuments: 3 },
      rl: { steps: 20, questionsPerStep: 64, groupSize: 4, temperature: 0.6, learningRate: 1e-5, klCoefficient: 0.001, entropyCoefficient: 0.001 },
      evaluation: { every: 10, questions: 500 },
    },
  },
];

export const presetById = (id: string): Preset | undefined => PRESETS.find((p) => p.id === id);
