import type { TokenSampling } from "@/contracts/run-config/sampling";
import type { SearchConfig } from "@/contracts/run-config/search";
import type { ForcedTurn } from "@/contracts/worker-protocol/tasks";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import type { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { StepsListener } from "./method";
import type { SearcherPrompt } from "./prompt";

/** The policy: a model with its tokenizer, and an identity that changes with its weights. */
export interface Searcher {
  model: Pick<EngineModel, "sample" | "endSessions">;
  tokenizer: Tokenizer;
  /** Model name, hash of the weights and fingerprint of the engine: part of every cache key. */
  identity: string;
  /** Tokens of the longest sequence that the model reads. */
  maxLength: number;
  /** Requests may come one by one: the server computes those together that are under way (vLLM). */
  batchesItself?: true;
}

/** The environment that the searcher acts in. */
export interface SearchEnvironment {
  retriever: Pick<Retriever, "search" | "describe">;
  documents: DocumentStore;
  settings: SearchConfig;
  /** An edited prompt in place of the built-in one. */
  template?: SearcherPrompt;
}

/** How the searcher's tokens are sampled. Hashed as it stands for the episode's cache key: no field may be renamed. */
export interface SamplingParameters extends TokenSampling {
  /** Seed of the run. The seed of a turn is derived from it, the step, the question, the sample and the turn. */
  seed: number;
  /** Training step; 0 outside training. */
  step: number;
  /** Only the upstream protocol treats training and inference differently (documents of the first window). */
  training: boolean;
}

/** One episode to run: a question, and which of its samples this is. */
export interface EpisodeRequest {
  /** Options are shown to the searcher under `upstream` alone. */
  question: Pick<Question, "id" | "question" | "options">;
  sampleIndex: number;
  /** What is given of its first turns. */
  forced?: readonly ForcedTurn[];
  /** Hears of its steps after every retrieval and every decision. */
  onSteps?: StepsListener;
}
