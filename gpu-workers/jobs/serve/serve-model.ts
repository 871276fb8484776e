import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import { isLoopbackName } from "@/contracts/formats/loopback";
import {
  formatServedName,
  listServedNames,
  type ServeModelConfig,
} from "@/contracts/run-config/serve-config";
import { EndpointClient } from "@/gpu-workers/llm/endpoint/endpoint-client";
import type { RunContext, ServiceHandle } from "@/gpu-workers/jobs/context/run-context";
import { describeLibrary, findInstalledModel } from "@/gpu-workers/llm/model-files/installed-model";
import { openPolicy } from "@/gpu-workers/rl/policy";
import { Preflight } from "@/gpu-workers/jobs/context/preflight";
import {
  runUntilCancelled,
  SERVE_TIMES,
  type RunningService,
  type ServeTimes,
} from "./run-until-cancelled";
import { listenWhenPortIsFree, buildAdvertisedUrl } from "@/gpu-workers/runtime/listen";
import {
  ModelService,
  type ModelBackend,
  type ModelMetrics,
} from "@/gpu-workers/llm/serving/model-service";
import { markMessage } from "@/core/texts/mark-message";

/**
 * Keeps a model up as OpenAI's API until the run is cancelled, and reports what it does. Where the engine or vLLM dies,
 * the run is given back, and its next attempt starts it anew, on the same port where one is set.
 */
export async function serveModel(
  context: RunContext,
  config: ServeModelConfig,
  times: ServeTimes = SERVE_TIMES,
): Promise<void> {
  const apiKey =
    config.key === null ? null : await context.readEndpointKey(config.key, config.advertise!);
  const { host, port, concurrency, waiting } = config;
  if (!isLoopbackName(host))
    context.log(
      "info",
      `The service listens on ${host}; clients must send the stored key "${config.key}".`,
    );
  const service = await listenWhenPortIsFree(
    context,
    () =>
      ModelService.listen({
        host,
        port,
        names: listServedNames(config),
        apiKey,
        concurrency,
        maxWaiting: waiting,
      }),
    times.portMs,
  );
  let handle: ServiceHandle<ModelBackend> | null = null;
  try {
    handle =
      config.server.kind === "engine"
        ? await openEngineBackend(context, config, service)
        : await openVllmBackend(context, config, service);
    service.setBackend(handle.value);
    await context.markRunning();
    const { value: backend } = handle;
    const client = new EndpointClient(`${service.url}/v1`, {
      apiKey: apiKey ?? undefined,
      retryBudgetMs: 10_000,
    });
    const served: RunningService<ModelMetrics> = {
      address: `${buildAdvertisedUrl(config, service.url).replace(/\/v1$/, "")}/v1`,
      figures: () => service.getMetrics(),
      rates: ({ promptTokens, completionTokens }) => ({
        "serve/prompt_tokens_per_second": promptTokens,
        "serve/completion_tokens_per_second": completionTokens,
      }),
      readMemoryMb: async () => (await backend.readMemoryMb?.()) ?? null,
      probe: () => askOneToken(client, formatServedName(config), context.signal),
    };
    await runUntilCancelled(context, served, times);
  } finally {
    await service.stop();
    handle?.release();
  }
}

async function openEngineBackend(
  context: RunContext,
  config: ServeModelConfig,
  service: ModelService,
): Promise<ServiceHandle<ModelBackend>> {
  const { signal } = context;
  const preflight = new Preflight(context, config);
  const directory = await preflight.check(
    "model",
    () => Promise.resolve(findInstalledModel(config.model)),
    () => markMessage`${config.model} is installed`,
  );
  let note = "";
  const open = async (onDetail: (detail: string) => void): Promise<ServiceHandle<ModelBackend>> => {
    const report = createProgressReporter(service, onDetail);
    const handle = await context.services.acquireEngine(signal, report);
    try {
      report(markMessage`loading ${formatServedName(config)}`);
      const model =
        config.checkpoint === null
          ? await handle.value.createModel(
              `serve-${randomUUID()}`,
              { base: directory, lora: null, seed: 0 },
              { signal },
            )
          : await loadCheckpoint(context, config, handle.value);
      note = describeLibrary(model.info);
      const engine = handle.value;
      const backend: ModelBackend = {
        ...engine.endpoint,
        model: model.id,
        readMemoryMb: async () => (await engine.getMemory({ signal })).residentBytes / 2 ** 20,
      };
      await probe(backend, signal);
      return { value: backend, release: () => handle.release() };
    } catch (error) {
      handle.release();
      throw error;
    }
  };
  return preflight.check(
    "engine",
    open,
    () => `${markMessage`${formatServedName(config)} answers`}${note}`,
  );
}

/** A searcher as a training run saved it. */
async function loadCheckpoint(
  context: RunContext,
  config: ServeModelConfig,
  engine: Parameters<typeof openPolicy>[0],
) {
  const checkpoint = await context.fetchCheckpoint(config.checkpoint!);
  if (checkpoint.config.kind !== "train")
    throw new AppError("invalid-input", "checkpoint: is not the checkpoint of a training run.");
  if (checkpoint.config.searcher.model !== config.model)
    throw new AppError(
      "invalid-input",
      `checkpoint: is of the model ${checkpoint.config.searcher.model}, not ${config.model}.`,
    );
  const { model } = await openPolicy(
    engine,
    checkpoint.config.searcher,
    checkpoint.config.seed,
    context.signal,
  );
  await model.loadState(checkpoint.directory, { signal: context.signal });
  return model;
}

async function openVllmBackend(
  context: RunContext,
  config: ServeModelConfig,
  service: ModelService,
): Promise<ServiceHandle<ModelBackend>> {
  const { server, model } = config;
  if (server.kind !== "vllm") throw new AppError("internal", "Another server was configured.");
  const preflight = new Preflight(context, config);
  const open = async (onDetail: (detail: string) => void): Promise<ServiceHandle<ModelBackend>> => {
    const handle = await context.services.acquireVllm(
      model,
      server,
      context.signal,
      createProgressReporter(service, onDetail),
    );
    try {
      await probe(handle.value, context.signal);
      return handle;
    } catch (error) {
      handle.release();
      throw error;
    }
  };
  return preflight.check("vllm", open, () => markMessage`${model} answers`);
}

const createProgressReporter =
  (service: ModelService, onDetail: (detail: string) => void) =>
  (detail: string): void => {
    service.setStartDetail(detail);
    onDetail(detail);
  };

/** Does it answer? */
const askOneToken = (
  client: EndpointClient,
  model: string,
  signal: AbortSignal,
): Promise<unknown> =>
  client.ask({ model, prompt: "Ready?", max_tokens: 1, temperature: 0 }, signal);
const probe = ({ url, secret, model }: ModelBackend, signal: AbortSignal): Promise<unknown> =>
  askOneToken(
    new EndpointClient(`${url}/v1`, { apiKey: secret, retryBudgetMs: 10_000 }),
    model,
    signal,
  );
