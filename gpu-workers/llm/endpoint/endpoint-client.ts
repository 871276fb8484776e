/**
 * endpoint/: models behind OpenAI-compatible servers. This file is the client; `rate-limit.ts` bounds its requests,
 * `post-json.ts` sends them, `connection.ts` builds its options from the settings, with the stored API key, and
 * `environment-key.ts` finds a key of the worker's environment.
 */

import { z } from "zod";
import type { ModelUsage } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { findEnvironmentKey } from "./environment-key";
import { parseJsonOrNull } from "@/lib/json";
import { doubleWait, parseRetryAfter, retry } from "@/lib/retry";
import { postJson, type HttpReply } from "./post-json";
import { buildCancelledError, getSharedRateLimit, type RateLimit } from "./rate-limit";

/** How requests are sent, limited, retried and priced. Durations can be injected, so that tests run the real code fast. */
export interface EndpointOptions {
  /** Longest wait for one answer. */
  timeoutMs: number;
  /** How long one request is retried before the endpoint counts as unavailable. */
  retryBudgetMs: number;
  /** Pause before the first retry; doubles up to `longestPauseMs`, and is drawn from its upper half. */
  firstPauseMs: number;
  longestPauseMs: number;
  /** Requests under way at once. */
  concurrency: number;
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
  /** US dollars per million tokens; null: not known. */
  promptPrice: number | null;
  completionPrice: number | null;
  /** Default: the key of the worker's environment, if it is bound to this endpoint. */
  apiKey: string | undefined;
  /** Called after every attempt, with whether it was answered. */
  onAttempt: (answered: boolean) => void;
  /** Called with the tokens and cost of every answered request. */
  onUsage: (usage: ModelUsage) => void;
}

const DEFAULTS: Omit<EndpointOptions, "apiKey"> = {
  timeoutMs: 120_000,
  retryBudgetMs: 300_000,
  firstPauseMs: 500,
  longestPauseMs: 30_000,
  concurrency: 32,
  requestsPerMinute: null,
  tokensPerMinute: null,
  promptPrice: null,
  completionPrice: null,
  onAttempt: () => undefined,
  onUsage: () => undefined,
};

/** What an endpoint wrote, with tokens, cost and time. */
export interface Completion {
  text: string;
  /** length: truncated by the token limit. */
  finish: "stop" | "length";
  /** The stop string that ended it, where the server says so (vLLM does). */
  stoppedAt: string | null;
  usage: ModelUsage;
  seconds: number;
  /** Alternatives of the first token, where they were requested (logprobs, top_logprobs) and given. */
  alternatives?: TokenAlternative[];
}

const tokenAlternativeSchema = z.object({ token: z.string(), logprob: z.number() });
export type TokenAlternative = z.infer<typeof tokenAlternativeSchema>;
const logprobsSchema = z
  .object({
    content: z
      .array(z.object({ top_logprobs: z.array(tokenAlternativeSchema).default([]) }))
      .nullish(),
  })
  .nullish();
const usageBodySchema = z
  .object({ prompt_tokens: z.int().nonnegative(), completion_tokens: z.int().nonnegative() })
  .partial()
  .nullish();
const finishFields = { finish_reason: z.string().nullish(), stop_reason: z.unknown().optional() };
const completionBodySchema = z.object({
  choices: z.array(z.object({ text: z.string(), ...finishFields })).min(1),
  usage: usageBodySchema,
});
const chatBodySchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string() }),
        logprobs: logprobsSchema,
        ...finishFields,
      }),
    )
    .min(1),
  usage: usageBodySchema,
});

interface CompletionBody {
  model: string;
  max_tokens: number;
  [setting: string]: unknown;
}

/**
 * Client of an OpenAI-compatible server. All clients of one server and key in this process share its limits of
 * concurrent requests and of requests and tokens per minute. Time-outs, broken connections, status 408, 429 and 5xx and
 * incomplete or malformed replies are retried, with pauses that grow, are random, and are at least as long as the server
 * asks for. A request that stays unanswered or is refused throws AppError "generator-unavailable" with the reason; it
 * never gives an empty answer. No message contains the key.
 */
export class EndpointClient {
  readonly base: string;
  readonly options: EndpointOptions;
  private readonly limit: RateLimit;

  constructor(endpoint: string, overrides: Partial<EndpointOptions> = {}) {
    this.base = endpoint.replace(/\/+$/, "");
    this.options = {
      ...DEFAULTS,
      ...overrides,
      apiKey: "apiKey" in overrides ? overrides.apiKey : findEnvironmentKey(endpoint),
    };
    this.limit = getSharedRateLimit(endpoint, this.options.apiKey);
  }

  /** POST /completions. */
  async complete(
    body: CompletionBody & { prompt: string },
    signal: AbortSignal,
  ): Promise<Completion> {
    return this.request("/completions", body, body.prompt.length, signal, (reply) => {
      const parsed = completionBodySchema.safeParse(reply);
      return parsed.success ? { ...parsed.data.choices[0]!, usage: parsed.data.usage } : null;
    });
  }

  /** POST /chat/completions. */
  async chat(
    body: CompletionBody & { messages: readonly { role: string; content: string }[] },
    signal: AbortSignal,
  ): Promise<Completion> {
    const length = body.messages.reduce((sum, { content }) => sum + content.length, 0);
    return this.request("/chat/completions", body, length, signal, (reply) => {
      const parsed = chatBodySchema.safeParse(reply);
      return parsed.success
        ? {
            ...parsed.data.choices[0]!,
            text: parsed.data.choices[0]!.message.content,
            alternatives: parsed.data.choices[0]!.logprobs?.content?.[0]?.top_logprobs,
            usage: parsed.data.usage,
          }
        : null;
    });
  }

  private async request(
    path: string,
    body: CompletionBody,
    characters: number,
    signal: AbortSignal,
    read: (reply: unknown) => CompletionChoice | null,
  ): Promise<Completion> {
    const url = new URL(this.base + path);
    const { retryBudgetMs, firstPauseMs, longestPauseMs } = this.options;
    const wait = doubleWait(firstPauseMs, { longestMs: longestPauseMs });
    const requestOnce = async (): Promise<Completion> => {
      // About four characters are a token. The estimate keeps the rate limit until the real number corrects it.
      const permit = await this.limit.acquire(
        Math.ceil(characters / 4) + body.max_tokens,
        this.options,
        signal,
      );
      let tokens = 0;
      try {
        const completion = await this.attempt(url, body, signal, read);
        const { usage } = completion;
        tokens = usage.promptTokens + usage.completionTokens;
        this.options.onAttempt(true);
        this.options.onUsage(usage);
        return completion;
      } catch (error) {
        if (error instanceof UnansweredError) this.options.onAttempt(false);
        throw error;
      } finally {
        permit.release(tokens);
      }
    };
    return retry(requestOnce, {
      budgetMs: retryBudgetMs,
      backoff: (failures, error) =>
        Math.max(wait(failures, error)!, (error as UnansweredError).retryAfterMs),
      signal,
      buildAbortError: buildCancelledError,
      shouldRetry: (error) =>
        error instanceof UnansweredError && !(error instanceof RefusedRequestError),
      buildGiveUpError: (error, attempts) =>
        new AppError(
          "generator-unavailable",
          `The model server at ${url.href} was not available in ${attempts} ${attempts === 1 ? "attempt" : "attempts"} over ${Math.round(retryBudgetMs / 1000)} s: ${(error as Error).message}. Check that it runs.`,
        ),
    }).catch((error: unknown) => {
      if (!(error instanceof RefusedRequestError)) throw error;
      throw new AppError(
        "generator-unavailable",
        `The model server refused a request to ${url.href}: ${error.message}`,
      );
    });
  }

  private async attempt(
    url: URL,
    body: CompletionBody,
    signal: AbortSignal,
    read: (reply: unknown) => CompletionChoice | null,
  ): Promise<Completion> {
    const { timeoutMs, apiKey } = this.options;
    const start = performance.now();
    const fail = (reason: string, retryAfterMs = 0): UnansweredError =>
      new UnansweredError(this.redactKey(reason), retryAfterMs);
    let reply: HttpReply;
    try {
      reply = await postJson(url, JSON.stringify(body), {
        headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
        timeoutMs,
        signal,
      });
    } catch (error) {
      throw fail(error instanceof Error ? error.message || error.name : String(error));
    }
    const { status, headers, text } = reply;
    if (status < 200 || status > 299) {
      const reason = `status ${status}: ${text.slice(0, 300)}`;
      if (status !== 408 && status !== 429 && status < 500)
        throw new RefusedRequestError(this.redactKey(this.explainStatus(status) + reason));
      throw fail(reason, parseRetryAfter(headers["retry-after"]?.toString()) ?? 0);
    }
    const choice = read(parseJsonOrNull(text));
    const finish = choice?.finish_reason ?? null;
    // An empty text is an answer only where the server says that it is complete.
    if (choice === null || (choice.text === "" && finish === null))
      throw fail(`it does not answer as an OpenAI-compatible server does: ${text.slice(0, 300)}`);
    return {
      text: choice.text,
      finish: finish === "length" ? "length" : "stop",
      stoppedAt: typeof choice.stop_reason === "string" ? choice.stop_reason : null,
      usage: this.readUsage(choice.usage),
      seconds: (performance.now() - start) / 1000,
      ...(choice.alternatives && { alternatives: choice.alternatives }),
    };
  }

  private readUsage(reported: z.output<typeof usageBodySchema>): ModelUsage {
    const { promptPrice, completionPrice } = this.options;
    const promptTokens = reported?.prompt_tokens ?? 0;
    const completionTokens = reported?.completion_tokens ?? 0;
    const priced = reported != null && (promptPrice !== null || completionPrice !== null);
    return {
      calls: 1,
      promptTokens,
      completionTokens,
      costUsd: priced
        ? (promptTokens * (promptPrice ?? 0) + completionTokens * (completionPrice ?? 0)) / 1e6
        : null,
    };
  }

  private explainStatus(status: number): string {
    return status === 401 || status === 403
      ? "the API key is missing, wrong or revoked (setting connection.key); "
      : "";
  }

  /** Removes the key from a text: servers quote the key that they refuse. */
  private redactKey(text: string): string {
    const { apiKey } = this.options;
    return apiKey ? text.replaceAll(apiKey, "[key]") : text;
  }
}

interface CompletionChoice {
  text: string;
  finish_reason?: string | null;
  stop_reason?: unknown;
  alternatives?: TokenAlternative[];
  usage: z.output<typeof usageBodySchema>;
}
/** An attempt that gave no completion. */
class UnansweredError extends Error {
  constructor(
    message: string,
    /** Shortest pause that the server asked for. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** The server refused the request, and would refuse it again. */
class RefusedRequestError extends UnansweredError {}
