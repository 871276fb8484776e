import type { CompletionBody } from "@/gpu-workers/llm/endpoint/completion-body";
import { EndpointClient, type EndpointOptions } from "@/gpu-workers/llm/endpoint/endpoint-client";
import type { GeneratorBackend } from "./generator";
import type { GenerationRequest, PromptStyle } from "./prompt-style";

/** The frozen generator at an endpoint. Decoding is greedy. */
export function createEndpointBackend(
  endpoint: string,
  model: string,
  style: PromptStyle,
  maxTokens: number,
  overrides: Partial<EndpointOptions> = {},
): GeneratorBackend {
  const client = new EndpointClient(endpoint, overrides);
  return {
    identity: { endpoint: client.base, ...client.identity },
    batchSize: Infinity, // The client bounds what is under way.
    complete: (requests, signal) =>
      requests.map((request) =>
        client.complete(buildGeneratorBody(model, style, maxTokens, request), signal),
      ),
  };
}

/** What a server is asked. */
export const buildGeneratorBody = (
  model: string,
  style: PromptStyle,
  maxTokens: number,
  request: GenerationRequest,
): CompletionBody => ({
  model,
  max_tokens: maxTokens,
  temperature: 0,
  ...(style.stop.length > 0 ? { stop: style.stop } : {}),
  ...(style.id === "few-shot"
    ? { prompt: style.renderPrompt(request) }
    : { messages: style.renderMessages(request) }),
});
