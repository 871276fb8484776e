import { EndpointClient, type EndpointOptions } from "@/gpu-workers/llm/endpoint/endpoint-client";
import type { GeneratorBackend } from "./generator";
import type { PromptStyle } from "./prompt-style";

/** The frozen generator at an OpenAI-compatible server. Decoding is greedy. */
export function createEndpointBackend(
  endpoint: string,
  model: string,
  style: PromptStyle,
  maxTokens: number,
  overrides: Partial<EndpointOptions> = {},
): GeneratorBackend {
  const client = new EndpointClient(endpoint, overrides);
  const sampling = {
    model,
    max_tokens: maxTokens,
    temperature: 0,
    ...(style.stop.length > 0 ? { stop: style.stop } : {}),
  };
  return {
    identity: { endpoint: client.base },
    batchSize: Infinity, // The client bounds what is under way.
    complete: (requests, signal) =>
      requests.map((request) =>
        style.id === "few-shot"
          ? client.complete({ ...sampling, prompt: style.renderPrompt(request) }, signal)
          : client.chat({ ...sampling, messages: style.renderMessages(request) }, signal),
      ),
  };
}
