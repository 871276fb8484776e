import { randomUUID } from "node:crypto";
import { AppError } from "@/contracts/errors";
import type { GeneratorConfig } from "@/contracts/run-config/generator";
import type { EngineClient } from "@/gpu-workers/llm/engine/client";
import {
  buildEndpointOptions,
  PROBE_OPTIONS,
  type EndpointKeySource,
} from "@/gpu-workers/llm/endpoint/connection";
import type { EndpointOptions } from "@/gpu-workers/llm/endpoint/endpoint-client";
import {
  computeModelFingerprint,
  findInstalledModel,
} from "@/gpu-workers/llm/model-files/installed-model";
import { loadTokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { createEndpointBackend } from "./endpoint-backend";
import { createEngineBackend } from "./engine-backend";
import { Generator, type AnswerStore, type GeneratorBackend, type KeepAnswers } from "./generator";
import { loadPromptStyle } from "./prompt-style";

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
    if (endpoint !== null) {
      const options = await buildEndpointOptions(endpoint, config.connection, store);
      return createEndpointBackend(endpoint, model, style, maxTokens, { ...options, ...overrides });
    }
    if (engine === null)
      throw new AppError("internal", "A generator without an endpoint needs the engine.");
    const directory = findInstalledModel(model);
    const [engineModel, tokenizer, fingerprint] = await Promise.all([
      engine.createModel(
        `generator-${randomUUID()}`,
        { base: directory, lora: null, seed: 0 },
        { signal },
      ),
      loadTokenizer(directory),
      computeModelFingerprint(engine, directory, signal),
    ]);
    return createEngineBackend(engineModel, tokenizer, style, maxTokens, fingerprint);
  };
  return new Generator(model, style, maxTokens, await openBackend(), store, keep);
}

/** An answer store that keeps nothing. */
const NO_STORE: AnswerStore = {
  findAnswers: () => Promise.resolve(new Map()),
  saveAnswers: () => Promise.resolve(),
};

/**
 * Asks the generator a small question, with short limits, to see whether it answers.
 * @returns how long it took, as text
 */
export async function probeGenerator(
  engine: EngineClient | null,
  config: GeneratorConfig,
  signal: AbortSignal,
  keys: Partial<EndpointKeySource> = {},
): Promise<string> {
  const store = {
    ...NO_STORE,
    ...(keys.readEndpointKey && {
      readEndpointKey: (name: string, endpoint: string) => keys.readEndpointKey!(name, endpoint),
    }),
  };
  const generator = await openGenerator(engine, config, store, signal, { endpoint: PROBE_OPTIONS });
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
