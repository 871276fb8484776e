import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import type { GeneratorConfig } from "@/contracts/run-config/generator";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import {
  buildEndpointOptions,
  describeReply,
  PROBE_OPTIONS,
  PROBE_TOKENS,
  type EndpointKeySource,
} from "@/gpu-workers/llm/endpoint/connection";
import { EndpointClient, type EndpointOptions } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { findInstalledModel, loadEngineModel } from "@/gpu-workers/llm/model-files/installed-model";
import { buildGeneratorBody, createEndpointBackend } from "./endpoint-backend";
import { createEngineBackend } from "./engine-backend";
import { Generator, type AnswerStore, type GeneratorBackend, type KeepAnswers } from "./generator";
import { loadPromptStyle, type GenerationRequest, type PromptStyle } from "./prompt-style";

interface GeneratorOptions {
  /** Overrides for the client of its endpoint. */
  endpoint?: Partial<EndpointOptions>;
  keep?: KeepAnswers;
}

/**
 * Opens the frozen generator of a configuration: at its endpoint, or the engine's base model without an adapter.
 *
 * @param engine may be null where the configuration names an endpoint
 * @throws AppError "not-found" where the model or the worked examples are not installed
 */
export async function openGenerator(
  engine: EngineClient | null,
  config: GeneratorConfig,
  store: AnswerStore & Partial<EndpointKeySource>,
  signal: AbortSignal,
  { endpoint: overrides, keep }: GeneratorOptions = {},
): Promise<Generator> {
  const { model, maxTokens, endpoint } = config;
  const style = await loadPromptStyle(config);
  const openBackend = async (): Promise<GeneratorBackend> => {
    if (endpoint === null) return openEngineBackend(engine, config, style, signal);
    const options = await buildEndpointOptions(endpoint, config, store);
    return createEndpointBackend(endpoint, model, style, maxTokens, { ...options, ...overrides });
  };
  return new Generator(model, style, maxTokens, await openBackend(), store, keep);
}

async function openEngineBackend(
  engine: EngineClient | null,
  { model, maxTokens, thinking }: GeneratorConfig,
  style: PromptStyle,
  signal: AbortSignal,
): Promise<GeneratorBackend> {
  if (engine === null)
    throw new AppError("internal", "A generator without an endpoint needs the engine.");
  const directory = findInstalledModel(model);
  const loaded = await loadEngineModel(
    engine,
    `generator-${randomUUID()}`,
    { base: directory, lora: null, seed: 0 },
    thinking,
    signal,
  );
  const { model: engineModel, tokenizer, fingerprint } = loaded;
  return createEngineBackend(engineModel, tokenizer, style, maxTokens, fingerprint);
}

const PROBE_QUESTION: GenerationRequest = {
  question: "In which city does the Eiffel Tower stand?",
  documents: [{ title: "Eiffel Tower", text: "The Eiffel Tower stands in Paris.", hash: "probe" }],
};

/**
 * Asks the generator a small question, with short limits, to see whether it replies. Any reply will do.
 * @returns how long it took and what came, as text
 */
export async function probeGenerator(
  engine: EngineClient | null,
  config: GeneratorConfig,
  signal: AbortSignal,
  keys: Partial<EndpointKeySource> = {},
): Promise<string> {
  const { endpoint, model } = config;
  const style = await loadPromptStyle(config);
  const maxTokens = Math.min(config.maxTokens, PROBE_TOKENS);
  if (endpoint === null) {
    const limited = { ...config, maxTokens };
    const backend = await openEngineBackend(engine, limited, style, signal);
    return describeReply(await backend.complete([PROBE_QUESTION], signal)[0]!);
  }
  const options = await buildEndpointOptions(endpoint, config, keys);
  const client = new EndpointClient(endpoint, { ...options, ...PROBE_OPTIONS });
  const body = buildGeneratorBody(model, style, maxTokens, PROBE_QUESTION);
  return describeReply(await client.ask(body, signal), client.describeRefused(model));
}
