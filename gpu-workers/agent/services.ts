import type { VllmConfig } from "@/contracts/run-config/model";
import { searchesLocally } from "@/contracts/run-config/retriever";
import { AppError } from "@/contracts/errors";
import type { RetrieverConfig } from "@/contracts/run-config/retriever";
import type { ServiceReport } from "@/contracts/worker-protocol/attach";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";
import type {
  SamplerRequirements,
  ServiceHandle,
  Services,
} from "@/gpu-workers/jobs/context/run-context";
import type { VllmClient } from "@/gpu-workers/llm/vllm-server/client";
import type { ModelBackend } from "@/gpu-workers/llm/serving/model-service";
import { SharedService, type AcquireOptions, type StartedService } from "./shared-service";
import { hashJson } from "@/lib/hash";

/** How the kinds of services are brought up; default-services.ts has the real ones, tests bring small ones. */
export interface ServiceStarters {
  startEngine(
    signal: AbortSignal,
    onDetail: (detail: string) => void,
  ): Promise<StartedService<EngineClient>>;
  startRetriever(
    corpus: string,
    config: RetrieverConfig,
    signal: AbortSignal,
    onDetail: (detail: string) => void,
  ): Promise<StartedService<Retriever>>;
  startSampler(
    demand: SamplerRequirements,
    signal: AbortSignal,
    onDetail: (detail: string) => void,
  ): Promise<StartedService<readonly VllmClient[]>>;
  startVllm(
    model: string,
    config: VllmConfig,
    signal: AbortSignal,
    onDetail: (detail: string) => void,
  ): Promise<StartedService<ModelBackend>>;
}

/** Names a retriever by everything that makes it another one, e.g. "retriever:atlas:dense-1f0c2a9b". */
export function buildRetrieverKey(corpus: string, config: RetrieverConfig): string {
  return `retriever:${searchesLocally(config) ? corpus : "elsewhere"}:${config.kind}-${hashSettings(config)}`;
}

/** Names vLLM's servers by what they are started with; the number format is the worker's. */
function buildSamplerKey({ model, weights, memoryShare, placement }: SamplerRequirements): string {
  const { devices, replicas, tensorParallelSize } = placement;
  const given = weights.kind === "adapter" ? `rank-${weights.rank}` : `full-${weights.runId}`;
  const isPlain =
    placement.placement === "colocated" &&
    devices === null &&
    replicas === 1 &&
    tensorParallelSize === 1;
  return `sampler:${model}:${given}:${memoryShare}${isPlain ? "" : `:${hashSettings(placement)}`}`;
}

const hashSettings = (config: object): string =>
  hashJson(Object.entries(config).sort()).slice(0, 8);

/** All services of one worker. */
export class ServiceRegistry {
  private readonly engine: SharedService<EngineClient>;
  private readonly retrievers = new Map<string, SharedService<Retriever>>();
  private readonly samplers = new Map<string, SharedService<readonly VllmClient[]>>();
  private readonly vllms = new Map<string, SharedService<ModelBackend>>();

  constructor(
    private readonly starters: ServiceStarters,
    /** How long a service stays up unused, in milliseconds. */
    private readonly idleMs: number,
  ) {
    this.engine = new SharedService({
      key: "engine",
      kind: "engine",
      idleMs,
      start: (signal, onDetail) => starters.startEngine(signal, onDetail),
    });
  }

  acquireEngine(options: AcquireOptions): Promise<ServiceHandle<EngineClient>> {
    return this.engine.acquire(options);
  }

  acquireRetriever(
    corpus: string,
    config: RetrieverConfig,
    options: AcquireOptions,
  ): Promise<ServiceHandle<Retriever>> {
    return this.getOrCreate(
      this.retrievers,
      "retriever",
      buildRetrieverKey(corpus, config),
      (signal, onDetail) => this.starters.startRetriever(corpus, config, signal, onDetail),
    ).acquire(options);
  }

  async acquireSampler(
    demand: SamplerRequirements,
    options: AcquireOptions,
  ): Promise<ServiceHandle<readonly VllmClient[]>> {
    const key = buildSamplerKey(demand);
    await this.stopIdleSamplers(key);
    // Whole weights are of one run, which leaves nothing for another: it does not stay up unused.
    const idleMs = demand.weights.kind === "full" ? 0 : this.idleMs;
    return this.getOrCreate(
      this.samplers,
      "sampler",
      key,
      (signal, onDetail) => this.starters.startSampler(demand, signal, onDetail),
      idleMs,
    ).acquire(options);
  }

  /** Stops the samplers that nobody uses, but for that of this key: each keeps its share of the GPUs while it is up. */
  private async stopIdleSamplers(wanted: string | null): Promise<void> {
    const idle = [...this.samplers].filter(([key, { isHeld }]) => key !== wanted && !isHeld);
    await Promise.all(idle.map(([, service]) => service.stop()));
  }

  /** The service of this key, made when it is first asked for. */
  private getOrCreate<T>(
    services: Map<string, SharedService<T>>,
    kind: ServiceReport["kind"],
    key: string,
    start: (signal: AbortSignal, onDetail: (detail: string) => void) => Promise<StartedService<T>>,
    idleMs = this.idleMs,
  ): SharedService<T> {
    let service = services.get(key);
    if (!service) {
      service = new SharedService({ key, kind, idleMs, start });
      services.set(key, service);
    }
    return service;
  }

  private listServices(): SharedService<unknown>[] {
    return [
      this.engine,
      ...this.retrievers.values(),
      ...this.samplers.values(),
      ...this.vllms.values(),
    ] as SharedService<unknown>[];
  }

  async acquireVllm(
    model: string,
    config: VllmConfig,
    options: AcquireOptions,
  ): Promise<ServiceHandle<ModelBackend>> {
    await this.stopIdleSamplers(null);
    // Its GPUs are for whoever comes next: it does not stay up unused.
    return this.getOrCreate(
      this.vllms,
      "generator",
      `vllm:${model}:${hashSettings(config)}`,
      (signal, onDetail) => this.starters.startVllm(model, config, signal, onDetail),
      0,
    ).acquire(options);
  }

  /** Stops the retrievers of a corpus that nobody uses, and forgets them. @throws AppError `conflict` where one is in use */
  async closeRetrievers(corpus: string): Promise<void> {
    const own = [...this.retrievers].filter(([key]) => key.startsWith(`retriever:${corpus}:`));
    if (own.some(([, service]) => service.isHeld))
      throw new AppError(
        "conflict",
        `The corpus "${corpus}" is being searched on this worker. Wait for that to end, then try again.`,
      );
    for (const [key] of own) this.retrievers.delete(key);
    await Promise.all(own.map(([, service]) => service.stop()));
  }

  /** Every service that was ever asked for, for the heartbeat. */
  listReports(): Promise<ServiceReport[]> {
    return Promise.all(this.listServices().map((service) => service.buildReport()));
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.listServices().map((service) => service.stop()));
  }
}

/** The engine for one holder: the models that it creates leave the engine with it. */
function openEngineSession(shared: ServiceHandle<EngineClient>): ServiceHandle<EngineClient> {
  const client = shared.value.createSession();
  return {
    value: client,
    release: () => void client.deleteModels().finally(() => shared.release()),
  };
}

/** The services as one run or task sees them: what it forgets to release is released with it. */
export class HeldServices implements Services {
  private readonly handles = new Set<ServiceHandle<unknown>>();
  private over = false;

  constructor(
    private readonly registry: ServiceRegistry,
    /** A service ended while this holder held it. */
    private readonly onLost: (error: AppError) => void = () => undefined,
  ) {}

  acquireEngine(
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<EngineClient>> {
    return this.keep(
      this.registry
        .acquireEngine({ signal, onDetail, onLost: this.onLost })
        .then(openEngineSession),
    );
  }

  acquireRetriever(
    corpus: string,
    config: RetrieverConfig,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<Retriever>> {
    return this.keep(
      this.registry.acquireRetriever(corpus, config, { signal, onDetail, onLost: this.onLost }),
    );
  }

  acquireSampler(
    demand: SamplerRequirements,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<readonly VllmClient[]>> {
    return this.keep(
      this.registry.acquireSampler(demand, { signal, onDetail, onLost: this.onLost }),
    );
  }

  acquireVllm(
    model: string,
    config: VllmConfig,
    signal: AbortSignal,
    onDetail?: (detail: string) => void,
  ): Promise<ServiceHandle<ModelBackend>> {
    return this.keep(
      this.registry.acquireVllm(model, config, { signal, onDetail, onLost: this.onLost }),
    );
  }

  releaseAll(): void {
    this.over = true;
    for (const handle of [...this.handles]) handle.release();
  }

  private async keep<T>(acquired: Promise<ServiceHandle<T>>): Promise<ServiceHandle<T>> {
    const inner = await acquired;
    const handle: ServiceHandle<T> = {
      value: inner.value,
      release: () => {
        this.handles.delete(handle);
        inner.release();
      },
    };
    this.handles.add(handle);
    if (this.over) {
      handle.release();
      throw new AppError("cancelled", "The holder of this service has ended.");
    }
    return handle;
  }
}
