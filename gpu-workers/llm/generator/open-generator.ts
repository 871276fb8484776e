import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { AppError } from "@/contracts/errors";
import type { ConnectionConfig } from "@/contracts/run-config/model";
import { modelDir } from "@/lib/paths";
import type { GeneratorConfig, PredictConfig } from "@/contracts/run-config/run-config";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import { createEndpointBackend, type EndpointOptions } from "./endpoint-backend";
import { EndpointClient } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { createEngineBackend } from "./engine-backend";
import { Generator, type AnswerStore } from "./generator";
import { loadPromptStyle } from "./prompt-style";
import { hashModelFolder } from "@/gpu-workers/llm/model-files/model-hash";
import { loadTokenizer } from "@/gpu-workers/llm/model-files/tokenizer";

export function findInstalledModel(name: string): string {
  const directory = modelDir(name);
  if (!existsSync(directory))
    throw new AppError(
      "not-found",
      `Model "${name}" is not installed on this worker (looked in its models folder). Install it there or choose another model.`,
    );
  return directory;
}

/** What beside adapters decides what a model of the engine writes: the content of its folder, and how the engine computes. */
export async function computeModelFingerprint(
  engine: EngineClient,
  directory: string,
  signal: AbortSignal,
): Promise<string> {
  const [{ fingerprint }, base] = await Promise.all([
    engine.getCapabilities({ signal }),
    hashModelFolder(directory),
  ]);
  return `${base}:${fingerprint}`;
}

/** Stored API keys, by name, for the run that names them. */
export interface EndpointKeys {
  /** @throws AppError "not-found" for an unknown name, "unauthorized" where the key is of another origin */
  endpointKey(name: string, endpoint: string): Promise<string>;
}

/** How an endpoint is asked, with the key that its connection names. */
export async function buildEndpointOptions(
  endpoint: string,
  connection: ConnectionConfig,
  keys: Partial<EndpointKeys>,
): Promise<Partial<EndpointOptions>> {
  const {
    key,
    timeoutSeconds,
    retrySeconds,
    concurrency,
    requestsPerMinute,
    tokensPerMinute,
    promptPrice,
    completionPrice,
  } = connection;
  const options = {
    timeoutMs: timeoutSeconds * 1000,
    budgetMs: retrySeconds * 1000,
    concurrency,
    requestsPerMinute,
    tokensPerMinute,
    promptPrice,
    completionPrice,
  };
  if (key === null) return options;
  if (!keys.endpointKey)
    throw new AppError(
      "unsupported",
      `The stored key "${key}" is given to runs only, not to short tasks.`,
    );
  return { ...options, apiKey: await keys.endpointKey(key, endpoint) };
}

interface GeneratorOptions {
  /** Of its endpoint. */
  endpoint?: Partial<EndpointOptions>;
  keep?: ConstructorParameters<typeof Generator>[5];
}

/** The frozen generator: at its own endpoint, or the engine's base without an adapter. */
export async function openGenerator(
  engine: EngineClient | null,
  config: GeneratorConfig,
  store: AnswerStore & Partial<EndpointKeys>,
  signal: AbortSignal,
  { endpoint, keep }: GeneratorOptions = {},
): Promise<Generator> {
  const style = await loadPromptStyle(config);
  if (config.endpoint !== null) {
    const options = {
      ...(await buildEndpointOptions(config.endpoint, config.connection, store)),
      ...endpoint,
    };
    return new Generator(
      config.model,
      style,
      config.maxTokens,
      createEndpointBackend(config.endpoint, config.model, style, config.maxTokens, options),
      store,
      keep,
    );
  }
  if (engine === null)
    throw new AppError("internal", "A generator without an endpoint needs the engine.");
  const directory = findInstalledModel(config.model);
  const [model, tokenizer, fingerprint] = await Promise.all([
    engine.createModel(
      `generator-${randomUUID()}`,
      { base: directory, lora: null, seed: 0 },
      { signal },
    ),
    loadTokenizer(directory),
    computeModelFingerprint(engine, directory, signal),
  ]);
  return new Generator(
    config.model,
    style,
    config.maxTokens,
    createEngineBackend(model, tokenizer, style, config.maxTokens, fingerprint),
    store,
    keep,
  );
}

/** Little patience: a run that cannot start is to say so soon. */
export const PROBE_OPTIONS: Partial<EndpointOptions> = { retryBudgetMs: 20_000, timeoutMs: 20_000 };

/** Asks the generator something small, with little patience: is it there? */
export async function probeGenerator(
  engine: EngineClient | null,
  config: GeneratorConfig,
  signal: AbortSignal,
  keys: Partial<EndpointKeys> = {},
): Promise<string> {
  const nowhere: AnswerStore & Partial<EndpointKeys> = {
    ...(keys.endpointKey && { endpointKey: (name, endpoint) => keys.endpointKey!(name, endpoint) }),
    findAnswers: async () => new Map(),
    saveAnswers: async () => undefined,
  };
  const generator = await openGenerator(engine, config, nowhere, signal, { endpoint: PROBE_OPTIONS });
  const text = "The Eiffel Tower stands in Paris.";
  const [answer] = await generator.answer(
    [
      {
        question: "In which city does the Eiffel Tower stand?",
        documents: [{ title: "Eiffel Tower", text, hash: "probe" }],
      },
    ],
    signal,
  );
  return `answers in ${answer!.seconds.toFixed(1)} s`;
}

/** Asks the model of a method at its endpoint for one token. */
export async function probeMethodModel(
  { endpoint, connection, model, api }: PredictConfig["searcher"],
  signal: AbortSignal,
  keys: Partial<EndpointKeys>,
): Promise<string> {
  if (endpoint === null) throw new AppError("internal", "The method's model is in the engine.");
  const client = new EndpointClient(endpoint, {
    ...(await buildEndpointOptions(endpoint, connection, keys)),
    ...PROBE_OPTIONS,
  });
  const sampling = { model, max_tokens: 1, temperature: 0 };
  const { seconds } = await (api === "chat"
    ? client.chat({ ...sampling, messages: [{ role: "user", content: "Ready?" }] }, signal)
    : client.complete({ ...sampling, prompt: "Ready?" }, signal));
  return `answers in ${seconds.toFixed(1)} s`;
}
