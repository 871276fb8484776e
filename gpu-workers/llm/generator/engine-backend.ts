import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import { renderChat, type GenerationRequest, type PromptStyle } from "./prompt-style";
import type { GeneratorBackend } from "./generator";

/** Requests in one call of the engine; they share the activations of the worked examples. */
const BATCH_SIZE = 32;

/**
 * The frozen generator in the worker's engine: the base model without an adapter. Decoding is greedy.
 *
 * @param fingerprint of the base model and the engine (`computeModelFingerprint`)
 */
export function createEngineBackend(
  model: Pick<EngineModel, "sample">,
  tokenizer: Tokenizer,
  style: PromptStyle,
  maxTokens: number,
  fingerprint: string,
): GeneratorBackend {
  const renderPrompt = (request: GenerationRequest): string =>
    style.id === "few-shot"
      ? style.renderPrompt(request)
      : renderChat(style.renderMessages(request));
  return {
    identity: { engine: fingerprint },
    batchSize: BATCH_SIZE,
    complete(requests, signal) {
      const start = performance.now();
      const sequences = requests.map((request) => ({
        ids: tokenizer.encode(renderPrompt(request)),
        maxTokens,
        stop: style.stop,
        temperature: 0,
      }));
      const sampled = model.sample({ adapter: false, sequences }, { signal });
      return requests.map(async (_, i) => {
        const { text, ids } = (await sampled).sequences[i]![0]!;
        const seconds = (performance.now() - start) / 1000 / requests.length;
        return {
          text,
          seconds,
          usage: {
            calls: 1,
            promptTokens: sequences[i]!.ids.length,
            completionTokens: ids.length,
            costUsd: 0,
          },
        };
      });
    },
  };
}
