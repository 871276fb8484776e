import { z } from "zod";
import { AppError } from "@/contracts/errors";

/** Injected, so that tests run the real code fast. */
export interface ChatEndpointOptions {
  timeoutMs: number;
  /** Tries of one request, the first included. */
  tries: number;
  firstPauseMs: number;
  apiKey: string | undefined;
}

const DEFAULTS: ChatEndpointOptions = { timeoutMs: 60_000, tries: 6, firstPauseMs: 500, apiKey: process.env.S3_GENERATOR_API_KEY };
const RETRIED: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

const alternative = z.object({ token: z.string(), logprob: z.number() });
const reply = z.object({
  choices: z
    .array(z.object({ message: z.object({ content: z.string().nullable() }), logprobs: z.object({ content: z.array(z.object({ top_logprobs: z.array(alternative).default([]) })).nullish() }).nullish() }))
    .min(1),
});

export interface ChatReply {
  text: string;
  /** Alternatives of the first token; empty where the server gives none. */
  alternatives: { token: string; logprob: number }[];
}

/**
 * One chat completion. Time-outs, broken connections, 408, 429 and 5xx are retried with growing pauses.
 *
 * @throws AppError "generator-unavailable" for what stays broken or is refused
 */
export async function askChat(endpoint: string, body: object, overrides: Partial<ChatEndpointOptions>, signal: AbortSignal): Promise<ChatReply> {
  const options = { ...DEFAULTS, ...overrides };
  const url = `${endpoint.replace(/\/+$/, "")}/chat/completions`;
  let reason = "";
  for (let attempt = 0; attempt < options.tries; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, options.firstPauseMs * 2 ** (attempt - 1)));
    signal.throwIfAborted();
    let status: number;
    let text: string;
    try {
      const headers = { "content-type": "application/json", ...(options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {}) };
      const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]) });
      status = response.status;
      text = await response.text();
    } catch (error) {
      signal.throwIfAborted();
      reason = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
      continue;
    }
    if (status >= 200 && status < 300) return understand(text, url);
    reason = `status ${status}: ${text.slice(0, 300)}`;
    if (!RETRIED.has(status)) throw new AppError("generator-unavailable", `${url} refused a request: ${reason}`);
  }
  throw new AppError("generator-unavailable", `${url} was not available in ${options.tries} tries: ${reason}. Check that its server runs.`);
}

function understand(text: string, url: string): ChatReply {
  try {
    const [choice] = reply.parse(JSON.parse(text)).choices;
    return { text: choice!.message.content ?? "", alternatives: choice!.logprobs?.content?.[0]?.top_logprobs ?? [] };
  } catch (cause) {
    throw new AppError("generator-unavailable", `${url} does not answer as an OpenAI-compatible server does: ${text.slice(0, 300)}`, { cause });
  }
}
