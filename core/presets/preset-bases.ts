import type { RunConfigInput } from "@/contracts/run-config/run-config";
import { getFetchedSetName } from "./question-presets";

/** What several presets share. */

export interface Preset {
  id: string;
  title: string;
  /** What it is for, in a sentence. */
  description: string;
  config: RunConfigInput;
}

export const atlas = {
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

export const atlasTraining = {
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

/** Where `serve-paper-retriever` and `serve-paper-generator` listen, and what asks them looks for them. */
export const SERVED_PORTS = { retriever: 3001, generator: 8000 } as const;
const generatorEndpoint = `http://127.0.0.1:${SERVED_PORTS.generator}/v1`;

/** Common to all runs on Wikipedia: the paper's 8-3-3, its questions, its retriever and its generator at an address. */
export const wikipedia = {
  data: {
    corpus: "wiki-18",
    trainQuestions: getFetchedSetName("s3-processed-data", "train_e5_s3"),
    heldOutQuestions: getFetchedSetName("s3-processed-data", "test_e5_s3"),
  },
  retriever: { kind: "remote", url: `http://127.0.0.1:${SERVED_PORTS.retriever}/retrieve` },
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
    endpoint: generatorEndpoint,
    promptStyle: "chat",
    maxTokens: 128,
    ragDocuments: 3,
  },
  reward: { scorer: "generation-accuracy" },
  judge: { model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", endpoint: generatorEndpoint },
  evaluation: { every: 10, questions: 500 },
} as const satisfies Partial<RunConfigInput>;
