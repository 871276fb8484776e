import { splitThoughts } from "@/core/episode/thoughts";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import type { GenerationRequest, PromptStyle } from "./prompt-style";
import type { GeneratedText, GeneratorBackend } from "./generator";

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
      : tokenizer.chat.render(style.renderMessages(request));
  const chatTemplate =
    style.id === "few-shot"
      ? undefined
      : tokenizer.chat.describe(style.renderMessages({ question: "", documents: [] }));
  return {
    identity: { engine: fingerprint, ...(chatTemplate !== undefined && { chatTemplate }) },
    batchSize: BATCH_SIZE,
    complete(requests, signal) {
      const start = performance.now();
      const prompts = requests.map(renderPrompt);
      const sequences = prompts.map((prompt) => ({
        ids: tokenizer.encode(prompt),
        maxTokens,
        stop: style.stop,
        temperature: 0,
      }));
      const sampled = model.sample({ adapter: false, sequences }, { signal });
      return requests.map(async (_, i): Promise<GeneratedText> => {
        const { text: content, ids, finishReason } = (await sampled).sequences[i]![0]!;
        const seconds = (performance.now() - start) / 1000 / requests.length;
        const { text, thoughts } = splitThoughts(content, prompts[i]);
        return {
          text,
          content,
          thoughts,
          finish: finishReason === "length" ? "length" : "stop",
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
