import type { VllmConfig } from "@/contracts/run-config/model";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { SamplerPlacement } from "@/contracts/run-config/sampler";
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

/** The vLLM servers that a run samples by. Runs of equal settings that train adapters share them. */
export interface SamplerRequirements {
  /** Name of the base model, installed on the worker. */
  model: string;
  /** What they will be given: adapters of a rank, or whole weights, which are one run's alone. */
  weights: { kind: "adapter"; rank: number } | { kind: "full"; runId: string };
  /** Share of each GPU's memory that they take. */
  memoryShare: number;
  /** Number format that the worker's engine computes in. */
  dtype: string;
  /** How many there are, and on which GPUs. */
  placement: SamplerPlacement;
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
  /** vLLM, where it is installed: a client of each replica. Where one of them ends, all do, and the service is lost. */
  acquireSampler(
    demand: SamplerRequirements,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<readonly VllmClient[]>>;
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
