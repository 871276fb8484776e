import type { VllmConfig } from "@/contracts/run-config/model";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { ModelBackend } from "@/gpu-workers/llm/serving/model-service";
import type { VllmClient } from "@/gpu-workers/llm/vllm-server/client";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";

/** A reference to a service of the worker. Whoever acquires it releases it; the last release lets it stop. */
export interface ServiceHandle<T> {
  readonly value: T;
  release(): void;
}

/** The vLLM server that a run samples by. Runs of equal settings share one. */
export interface SamplerRequirements {
  /** Name of the base model, installed on the worker. */
  model: string;
  /** Rank of the adapters that it will be given. */
  rank: number;
  /** Share of the GPU's memory that it takes. */
  memoryShare: number;
}

/** The worker's shared services, started on demand and counted by reference. Each can fail with a clear AppError. */
export interface Services {
  /** The Python engine; one process for all models of the worker. Restarted if it died. */
  acquireEngine(
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<EngineClient>>;
  /** A retriever over a corpus; builds the index first where there is none, reporting through `onDetail`. */
  acquireRetriever(
    corpus: string,
    config: RetrieverConfig,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<Retriever>>;
  /** vLLM, where it is installed. */
  acquireSampler(
    demand: SamplerRequirements,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<VllmClient>>;
  /** A model in a vLLM that is installed on the worker. */
  acquireVllm(
    model: string,
    config: VllmConfig,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<ModelBackend>>;
}

/** All that an executor (train, predict, index, serve, evaluate) may do outside its own process. */
export interface RunContext extends AttemptContext {
  readonly services: Services;
}

/** Runs one kind of run to its end. Throws AppError on failure; returns when the run has succeeded. */
export type Executor = (context: RunContext) => Promise<void>;
