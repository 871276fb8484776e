import { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { GeneratorBackend } from "./generator";
import type { GenerationRequest, PromptStyle } from "./prompt";

/** Injected, so that tests run the real code fast. */
export interface EndpointOptions {
  /** Longest wait for one answer. */
  timeoutMs: number;
  /** How long one request is retried before the generator counts as unavailable. */
  budgetMs: number;
  /** Pause before the first retry; doubles up to `longestPauseMs`. */
  firstPauseMs: number;
  longestPauseMs: number;
  /** Requests under way at once. */
  concurrency: number;
  apiKey: string | undefined;
}

export const ENDPOINT_DEFAULTS: EndpointOptions = {
  timeoutMs: 120_000,
  budgetMs: 300_000,
  firstPauseMs: 500,
  longestPauseMs: 30_000,
  concurrency: 32,
  apiKey: process.env.S3_GENERATOR_API_KEY,
};

const completion = z.object({ choices: z.array(z.object({ text: z.string() })).min(1) });
const chatCompletion = z.object({ choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })).min(1) });

/**
 * An OpenAI-compatible server (vLLM, llama.cpp, a hosted one), greedy. Time-outs, broken connections, 408, 429 and 5xx
 * are retried with growing pauses; what stays broken is `generator-unavailable`, never an empty answer.
 */
export function endpointBackend(endpoint: string, model: string, style: PromptStyle, maxTokens: number, overrides: Partial<EndpointOptions> = {}): GeneratorBackend {
  const options = { ...ENDPOINT_DEFAULTS, ...overrides };
  const base = endpoint.replace(/\/+$/, "");
  const common = { model, max_tokens: maxTokens, temperature: 0, ...(style.stop.length > 0 ? { stop: style.stop } : {}) };

  async function completeOne(request: GenerationRequest, signal: AbortSignal): Promise<string> {
    if (style.id === "few-shot") {
      const body = await post(`${base}/completions`, { ...common, prompt: style.prompt(request) }, options, signal);
      return understand(completion, body, base).choices[0]!.text;
    }
    const body = await post(`${base}/chat/completions`, { ...common, messages: style.messages(request) }, options, signal);
    return understand(chatCompletion, body, base).choices[0]!.message.content ?? "";
  }

  return {
    identity: { endpoint: base },
    batch: options.concurrency,
    complete: (requests, signal) => Promise.all(requests.map((request) => completeOne(request, signal))),
  };
}

function understand<T extends z.ZodType>(schema: T, body: unknown, base: string): z.output<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new AppError("generator-unavailable", `The generator at ${base} does not answer as an OpenAI-compatible server does: ${JSON.stringify(body)?.slice(0, 300)}`);
}

async function post(url: string, body: unknown, options: EndpointOptions, signal: AbortSignal): Promise<unknown> {
  const deadline = Date.now() + options.budgetMs;
  let pause = options.firstPauseMs;
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryPost(url, body, options, signal);
    if (outcome.kind === "answered") return outcome.body;
    if (outcome.kind === "refused") throw new AppError("generator-unavailable", `The generator refused a request to ${url}: ${outcome.reason}`);
    const wait = Math.max(pause, outcome.retryAfterMs);
    if (Date.now() + wait > deadline) {
      throw new AppError("generator-unavailable", `The generator at ${url} was not available in ${attempt} attempts over ${Math.round(options.budgetMs / 1000)} s: ${outcome.reason}. Check that its server runs.`);
    }
    await sleep(wait, signal);
    pause = Math.min(pause * 2, options.longestPauseMs);
  }
}

type Outcome = { kind: "answered"; body: unknown } | { kind: "refused"; reason: string } | { kind: "unavailable"; reason: string; retryAfterMs: number };

async function tryPost(url: string, body: unknown, { timeoutMs, apiKey }: EndpointOptions, signal: AbortSignal): Promise<Outcome> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(apiKey ? { authorization: `Bearer ${apiKey}` } : {}) },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await response.text();
    if (response.ok) return { kind: "answered", body: JSON.parse(text) as unknown };
    const reason = `status ${response.status}: ${text.slice(0, 300)}`;
    if (response.status !== 408 && response.status !== 429 && response.status < 500) return { kind: "refused", reason };
    return { kind: "unavailable", reason, retryAfterMs: Number(response.headers.get("retry-after") ?? 0) * 1000 || 0 };
  } catch (error) {
    if (signal.aborted) throw cancelled();
    const cause = error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
    return { kind: "unavailable", reason: cause, retryAfterMs: 0 };
  }
}

const cancelled = (): AppError => new AppError("cancelled", "The request to the generator was cancelled.");

const sleep = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal.aborted) return reject(cancelled());
    const stop = (): void => {
      clearTimeout(timer);
      reject(cancelled());
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
  });
