import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "@/contracts/errors";
import type { MetricName, MetricPoint } from "@/contracts/metrics";
import { isLoopback, servedName, type ServeModelConfig } from "@/contracts/run-config";
import { EndpointClient } from "../generation/endpoint-client";
import type { RunContext, ServiceHandle } from "../run-context";
import { installedModel, openPolicy } from "../s3/models";
import { Preflight } from "../s3/preflight";
import { listenPatiently, reachedAt } from "./listening";
import { SERVE_TIMES, type ServeTimes } from "./serve-retriever";
import { ModelService, type ModelBackend, type ModelMetrics } from "./model-service";


/** Requests in a row that the model may fail before the run gives up. */
const FAILED_PROBES = 3;

/**
 * Keeps a model up as OpenAI's API until the run is cancelled, and reports what it does. Where the engine or vLLM dies,
 * the run is given back, and its next attempt starts it anew, on the same port where one is set.
 */
export async function serveModel(context: RunContext, config: ServeModelConfig, times: ServeTimes = SERVE_TIMES): Promise<void> {
  const apiKey = config.key === null ? null : await context.endpointKey(config.key, config.advertise!);
  const { host, port, concurrency, waiting } = config;
  if (!isLoopback(host)) context.log("info", `The service listens on ${host}; clients must send the stored key "${config.key}".`);
  const service = await listenPatiently(context, () => ModelService.listen({ host, port, model: servedName(config), apiKey, concurrency, waiting }), times.portMs);
  let handle: ServiceHandle<ModelBackend> | null = null;
  try {
    handle = config.server.kind === "engine" ? await openInEngine(context, config, service) : await openInVllm(context, config, service);
    service.serve(handle.value);
    await context.running();
    await keepUp(context, service, handle.value, new EndpointClient(`${service.url}/v1`, { apiKey: apiKey ?? undefined, budgetMs: 10_000 }), `${reachedAt(config, service.url).replace(/\/v1$/, "")}/v1`, servedName(config), times);
  } finally {
    await service.stop();
    handle?.release();
  }
}

async function openInEngine(context: RunContext, config: ServeModelConfig, service: ModelService): Promise<ServiceHandle<ModelBackend>> {
  const { signal } = context;
  const preflight = new Preflight(context, ["model", "engine"]);
  const directory = await preflight.check("model", async () => installedModel(config.model), () => `${config.model} is installed`);
  const open = async (say: (detail: string) => void): Promise<ServiceHandle<ModelBackend>> => {
    const tell = telling(service, say);
    const handle = await context.services.engine(signal, tell);
    try {
      tell(`loading ${servedName(config)}`);
      const model = config.checkpoint === null ? await handle.value.createModel(`serve-${randomUUID()}`, { base: directory, lora: null, seed: 0 }, { signal }) : await loadCheckpoint(context, config, handle.value);
      const engine = handle.value;
      const backend: ModelBackend = { ...engine.endpoint, model: model.id, memoryMb: async () => (await engine.memory({ signal })).residentBytes / 2 ** 20 };
      await probe(backend, signal);
      return { value: backend, release: () => handle.release() };
    } catch (error) {
      handle.release();
      throw error;
    }
  };
  return preflight.check("engine", open, () => `${servedName(config)} answers`);
}

/** A searcher as a training run saved it. */
async function loadCheckpoint(context: RunContext, config: ServeModelConfig, engine: Parameters<typeof openPolicy>[0]) {
  const checkpoint = await context.fetchCheckpoint(config.checkpoint!);
  if (checkpoint.config.kind !== "train") throw new AppError("invalid-input", "checkpoint: is not the checkpoint of a training run.");
  if (checkpoint.config.searcher.model !== config.model) throw new AppError("invalid-input", `checkpoint: is of the model ${checkpoint.config.searcher.model}, not ${config.model}.`);
  const { model } = await openPolicy(engine, checkpoint.config.searcher, checkpoint.config.seed, context.signal);
  await model.loadState(checkpoint.directory, { signal: context.signal });
  return model;
}

async function openInVllm(context: RunContext, config: ServeModelConfig, service: ModelService): Promise<ServiceHandle<ModelBackend>> {
  const { server, model } = config;
  if (server.kind !== "vllm") throw new AppError("internal", "Another server was configured.");
  const preflight = new Preflight(context, ["vllm"]);
  const open = async (say: (detail: string) => void): Promise<ServiceHandle<ModelBackend>> => {
    const handle = await context.services.vllm(model, server, context.signal, telling(service, say));
    try {
      await probe(handle.value, context.signal);
      return handle;
    } catch (error) {
      handle.release();
      throw error;
    }
  };
  return preflight.check("vllm", open, () => `${model} answers`);
}

const telling = (service: ModelService, say: (detail: string) => void) => (detail: string): void => {
  service.describeStart(detail);
  say(detail);
};

/** One token: does it answer? */
async function probe({ url, secret, model }: ModelBackend, signal: AbortSignal): Promise<void> {
  await new EndpointClient(`${url}/v1`, { apiKey: secret, budgetMs: 10_000 }).complete({ model, prompt: "Ready?", max_tokens: 1, temperature: 0 }, signal);
}

/** Reports until the run is cancelled; throws where the model fails for good. */
async function keepUp(context: RunContext, service: ModelService, backend: ModelBackend, client: EndpointClient, address: string, model: string, times: ServeTimes): Promise<never> {
  const { signal } = context;
  const began = Date.now();
  let last = { at: began, metrics: service.metrics() };
  let failedProbes = 0;
  await context.progress({ phase: "serving", done: 0, total: 0, detail: address });
  for (;;) {
    await sleep(times.reportMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) throw new AppError("cancelled", "The service was stopped.");
    const now = { at: Date.now(), metrics: service.metrics() };
    const { metrics } = now;
    const seconds = (now.at - last.at) / 1000;
    if (metrics.requests === last.metrics.requests && metrics.waiting === 0 && seconds * 1000 < times.idleReportMs) continue;
    await context.report({ kind: "metrics", points: pointsOf(metrics, last.metrics, { seconds, step: Math.round((Date.now() - began) / 1000), memoryMb: (await backend.memoryMb?.().catch(() => null)) ?? null }) });
    await context.progress({ phase: "serving", done: metrics.requests, total: 0, detail: address });
    if (metrics.refused + metrics.errors > last.metrics.refused + last.metrics.errors || failedProbes > 0) {
      try {
        await client.complete({ model, prompt: "Ready?", max_tokens: 1, temperature: 0 }, signal);
        failedProbes = 0;
      } catch (error) {
        if (!signal.aborted && ++failedProbes >= FAILED_PROBES) throw error;
      }
    }
    // What has ended meanwhile is of the next report.
    last = now;
  }
}

/** What happened since the last report; step: seconds that this attempt has served. */
function pointsOf(now: ModelMetrics, before: ModelMetrics, { seconds, step, memoryMb }: { seconds: number; step: number; memoryMb: number | null }): MetricPoint[] {
  const points: [MetricName, number][] = [
    ["serve/requests_per_second", (now.requests - before.requests) / seconds],
    ["serve/prompt_tokens_per_second", (now.promptTokens - before.promptTokens) / seconds],
    ["serve/completion_tokens_per_second", (now.completionTokens - before.completionTokens) / seconds],
    ["serve/waiting", now.waiting],
    ["serve/refused", now.refused - before.refused],
    ["serve/errors", now.errors - before.errors],
  ];
  if (memoryMb !== null) points.push(["serve/memory_mb", memoryMb]);
  if (now.latencyCount > before.latencyCount) {
    if (now.latencyMs.p50 !== null) points.push(["serve/latency_ms_p50", now.latencyMs.p50]);
    if (now.latencyMs.p99 !== null) points.push(["serve/latency_ms_p99", now.latencyMs.p99]);
  }
  const at = Date.now();
  return points.map(([name, value]) => ({ name, step, value, at }));
}
