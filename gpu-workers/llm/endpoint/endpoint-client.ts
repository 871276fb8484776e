/**
 * endpoint/: models behind servers, OpenAI-compatible ones or those of other vendors. This file is the client;
 * `rate-limit.ts` bounds its requests, `post-json.ts` sends them, `refused-parameters.ts` leaves out what a server
 * refuses, `read-reply.ts` reads what comes back, `vendor-client.ts` writes and reads other dialects with their vendors'
 * client libraries (`vendor-*.ts`), `connection.ts` builds the client's options from the settings, with the stored API key, and `environment-key.ts`
 * finds a key of the worker's environment.
 */

import { isVendorDialect, type DialectName } from "@/contracts/run-config/model";
import type { ModelUsage } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { findUnreadMark, joinThoughts } from "@/core/episode/thoughts";
import type { CompletionBody } from "./completion-body";
import { findEnvironmentKey } from "./environment-key";
import { parsePythonJsonOrNull } from "@/lib/json";
import { doubleWait, parseRetryAfter, retry } from "@/lib/retry";
import { postJson, type HttpReply } from "./post-json";
import { buildCancelledError, getSharedRateLimit, type RateLimit } from "./rate-limit";
import { CUT_REPLY, OUT_OF_TOKENS, readReply, type Reply } from "./read-reply";
import {
  adaptBody,
  describeRefused,
  explainRefusedSetting,
  explainUnsayable,
  findRefusedParameters,
  getRefusedParameters,
} from "./refused-parameters";
import { VendorClient, type VendorExchange } from "./vendor-client";
import { listLacking } from "./vendor-limits";

/** How requests are sent, limited, retried and priced. Durations can be injected, so that tests run the real code fast. */
export interface EndpointOptions {
  dialect: DialectName;
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
  /** Parameters that a run's settings ask for, each with its setting: where they are refused it is an error. */
  setParameters: Readonly<Record<string, string>>;
  /** Called after every attempt, with whether it was answered. */
  onAttempt: (answered: boolean) => void;
  /** Called with the tokens and cost of every answered request. */
  onUsage: (usage: ModelUsage) => void;
}

const DEFAULTS: Omit<EndpointOptions, "apiKey"> = {
  dialect: "openai",
  timeoutMs: 120_000,
  retryBudgetMs: 300_000,
  firstPauseMs: 500,
  longestPauseMs: 30_000,
  concurrency: 32,
  requestsPerMinute: null,
  tokensPerMinute: null,
  promptPrice: null,
  completionPrice: null,
  setParameters: {},
  onAttempt: () => undefined,
  onUsage: () => undefined,
};

/** A reply with its tokens, cost and time. */
export type TimedReply = Omit<Reply, "usage"> & { usage: ModelUsage; seconds: number };

/** A reply that is whole, or cut by the token limit and by nothing else. */
export type Completion = TimedReply & { finish: "stop" | "length" };

/**
 * Client of a model's server, in any dialect. All clients of one server and key in this process share its limits of
 * concurrent requests and of requests and tokens per minute. Time-outs, broken connections, status 408, 429 and 5xx and
 * incomplete or malformed replies are retried, with pauses that grow, are random, and are at least as long as the server
 * asks for. Parameters that a model refuses are left out, and the request is sent again, unless the run sets them. A request that stays unanswered
 * or is refused throws AppError "generator-unavailable" with the reason; it never gives an empty answer. No message
 * contains the key.
 */
export class EndpointClient {
  readonly base: string;
  readonly options: EndpointOptions;
  private readonly limit: RateLimit;
  /** null: a dialect of OpenAI's form. */
  private readonly vendor: VendorClient | null;

  constructor(endpoint: string, overrides: Partial<EndpointOptions> = {}) {
    this.base = endpoint.replace(/\/+$/, "");
    this.options = {
      ...DEFAULTS,
      ...overrides,
      apiKey: "apiKey" in overrides ? overrides.apiKey : findEnvironmentKey(endpoint),
    };
    const { dialect, apiKey } = this.options;
    this.vendor = isVendorDialect(dialect) ? new VendorClient(dialect, this.base, apiKey) : null;
    this.limit = getSharedRateLimit(endpoint, apiKey);
  }

  /**
   * Has the model write a text.
   * @throws AppError "generator-unavailable" also where it ended otherwise than by itself or by the token limit
   */
  complete(body: CompletionBody, signal: AbortSignal): Promise<Completion> {
    return this.request(body, signal, requireCompletion);
  }

  /**
   * Takes whatever the model replied, also nothing or a refusal: for a caller that says itself what such a reply means.
   * In a vendor's dialect, which says refusals apart, they are errors here, too.
   * @throws AppError "generator-unavailable" where the server says that it failed
   */
  readWhatever(body: CompletionBody, signal: AbortSignal): Promise<TimedReply> {
    return this.request(body, signal, this.vendor ? requireCompletion : requireNoFailure);
  }

  /** Takes any reply for an answer: for checks whether a model is there. */
  ask(body: CompletionBody, signal: AbortSignal): Promise<TimedReply> {
    return this.request(body, signal, (reply) => reply);
  }

  /** What of the dialect belongs into keys: nothing of OpenAI's, so that keys from before there were others stay. */
  get identity(): { dialect?: DialectName } {
    const { dialect } = this.options;
    return dialect === "openai" ? {} : { dialect };
  }

  /** What this model has refused so far, for people; empty: nothing. */
  describeRefused(model: string): string {
    return describeRefused(getRefusedParameters(this.base, model));
  }

  private async request<R extends Reply>(
    body: CompletionBody,
    signal: AbortSignal,
    check: (reply: Reply) => R,
  ): Promise<Omit<R, "usage"> & Pick<TimedReply, "usage" | "seconds">> {
    const url = this.buildUrl("messages" in body ? "/chat/completions" : "/completions");
    const address = url.origin + url.pathname;
    const { retryBudgetMs, firstPauseMs, longestPauseMs } = this.options;
    const wait = doubleWait(firstPauseMs, { longestMs: longestPauseMs });
    return retry(() => this.attempt(url, body, signal, check), {
      budgetMs: retryBudgetMs,
      backoff: (failures, error) =>
        Math.max(wait(failures, error)!, (error as UnansweredError).retryAfterMs),
      signal,
      buildAbortError: buildCancelledError,
      shouldRetry: (error) =>
        error instanceof UnansweredError &&
        !(error instanceof RefusedRequestError || error instanceof NoAnswerError),
      buildGiveUpError: (error, attempts) =>
        new AppError(
          "generator-unavailable",
          `The model server at ${address} was not available in ${attempts} ${attempts === 1 ? "attempt" : "attempts"} over ${Math.round(retryBudgetMs / 1000)} s: ${(error as Error).message}. Check that it runs.`,
        ),
    }).catch((error: unknown) => {
      if (error instanceof NoAnswerError)
        throw new AppError(
          "generator-unavailable",
          `The model ${body.model} at ${address} gave no answer: ${error.message}`,
        );
      if (!(error instanceof RefusedRequestError)) throw error;
      throw new AppError(
        "generator-unavailable",
        `The model server refused a request to ${address}: ${error.message}`,
      );
    });
  }

  /** The path below the base URL, whose query stays (Azure: `?api-version=`); of a vendor's dialect its library adds it. */
  private buildUrl(path: string): URL {
    const url = new URL(this.base);
    const given = url.pathname.replace(/\/+$/, "");
    const isAzureResource = this.options.dialect === "azure" && given === "";
    url.pathname = (isAzureResource ? "/openai/v1" : given) + (this.vendor ? "" : path);
    url.hash = "";
    return url;
  }

  /** One attempt, within the limits, counted and accounted. */
  private async attempt<R extends Reply>(
    url: URL,
    body: CompletionBody,
    signal: AbortSignal,
    check: (reply: Reply) => R,
  ): Promise<Omit<R, "usage"> & Pick<TimedReply, "usage" | "seconds">> {
    const estimate = estimateTokens(body);
    // The estimate keeps the rate limit until the real number corrects it.
    const permit = await this.limit.acquire(estimate, this.options, signal);
    const start = performance.now();
    let tokens = 0;
    try {
      const reply = await this.send(url, body, signal);
      const usage = this.computeUsage(reply.usage);
      tokens = reply.usage ? usage.promptTokens + usage.completionTokens : estimate;
      // What was paid for counts, also where it is no answer.
      this.options.onUsage(usage);
      const checked = check(reply);
      this.options.onAttempt(true);
      return { ...checked, usage, seconds: (performance.now() - start) / 1000 };
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error;
      this.options.onAttempt(false);
      error.message = this.redactKey(error.message);
      throw error;
    } finally {
      permit.release(tokens);
    }
  }

  /** Sends the body, without what the model is known to refuse or refuses now. */
  private async send(url: URL, body: CompletionBody, signal: AbortSignal): Promise<Reply> {
    const { setParameters } = this.options;
    const refused = getRefusedParameters(this.base, body.model);
    for (;;) {
      const sent = adaptBody(body, refused, setParameters);
      if (this.leaveOut(refused, this.listLacking(body.model, sent))) continue;
      const { status, headers, text, reply, ignored } = await this.exchange(url, sent, signal);
      if (status === 400 && OUT_OF_TOKENS.test(text)) return CUT_REPLY;
      const problem = explainRefusedSetting(status, text, sent, setParameters);
      if (problem !== null) throw new RefusedRequestError(problem);
      // Another request may have found the same meanwhile.
      if (this.leaveOut(refused, findRefusedParameters(status, text, sent))) continue;
      requireSuccess(status, headers, text);
      if (reply === null)
        throw new UnansweredError(
          `it does not answer as ${this.vendor ? `the dialect ${this.options.dialect} has it` : "an OpenAI-compatible server does"}: ${text.slice(0, 300)}`,
        );
      this.leaveOut(refused, ignored);
      return refused.has("stop") ? cutAtStop(reply, body.stop) : reply;
    }
  }

  private listLacking(model: string, sent: object): string[] {
    const { dialect } = this.options;
    return isVendorDialect(dialect) ? listLacking(dialect, model, { ...sent }) : [];
  }

  /**
   * Leaves parameters out of all requests to come. @returns whether there are any
   * @throws RefusedRequestError where the run's settings ask for one of them
   */
  private leaveOut(refused: Set<string>, names: readonly string[]): boolean {
    const problem = explainUnsayable(this.options.dialect, names, this.options.setParameters);
    if (problem !== null) throw new RefusedRequestError(problem);
    for (const name of names) refused.add(name);
    return names.length > 0;
  }

  private async exchange(url: URL, sent: object, signal: AbortSignal): Promise<VendorExchange> {
    if (this.vendor === null) {
      const answered = await this.post(url, sent, signal);
      return { ...answered, reply: readReply(parsePythonJsonOrNull(answered.text)), ignored: [] };
    }
    const { timeoutMs } = this.options;
    return this.vendor
      .exchange(sent as CompletionBody, { timeoutMs, signal })
      .catch(throwUnanswered);
  }

  private async post(url: URL, body: object, signal: AbortSignal): Promise<HttpReply> {
    const { timeoutMs, apiKey, dialect } = this.options;
    // Azure takes a key under this name.
    const isAzure = dialect === "azure" || url.searchParams.has("api-version");
    const headers = {
      ...(apiKey && dialect !== "azure" && { authorization: `Bearer ${apiKey}` }),
      ...(apiKey && isAzure && { "api-key": apiKey }),
    };
    return postJson(url, JSON.stringify(body), { headers, timeoutMs, signal }).catch(
      throwUnanswered,
    );
  }

  private computeUsage(reported: Reply["usage"]): ModelUsage {
    const { promptPrice, completionPrice } = this.options;
    const { promptTokens, completionTokens } = reported ?? { promptTokens: 0, completionTokens: 0 };
    const priced = reported !== null && (promptPrice !== null || completionPrice !== null);
    return {
      calls: 1,
      promptTokens,
      completionTokens,
      costUsd: priced
        ? (promptTokens * (promptPrice ?? 0) + completionTokens * (completionPrice ?? 0)) / 1e6
        : null,
    };
  }

  /** Removes the key from a text: servers quote the key that they refuse. */
  private redactKey(text: string): string {
    const { apiKey } = this.options;
    return apiKey ? text.replaceAll(apiKey, "[key]") : text;
  }
}

/** About four characters are a token. */
function estimateTokens(body: CompletionBody): number {
  const characters =
    "messages" in body
      ? body.messages.reduce((sum, { content }) => sum + content.length, 0)
      : body.prompt.length;
  return Math.ceil(characters / 4) + body.max_tokens;
}

/** How LiteLLM's proxy refuses a key, with status 400, where it has no database to look for it. */
const LITELLM_UNKNOWN_KEY = /"no_db_connection"/;

/** @throws UnansweredError, or RefusedRequestError where the same request would be refused again */
function requireSuccess(status: number, headers: HttpReply["headers"], text: string): void {
  if (status >= 200 && status <= 299) return;
  const reason = `status ${status}: ${text.slice(0, 300)}`;
  if (status === 408 || status === 429 || status >= 500)
    throw new UnansweredError(reason, parseRetryAfter(headers["retry-after"]?.toString()) ?? 0);
  throw new RefusedRequestError(
    status === 401 || status === 403 || LITELLM_UNKNOWN_KEY.test(text)
      ? `the API key is missing, wrong or revoked (setting connection.key); ${reason}`
      : reason,
  );
}

/** How replies end in which the server failed. */
const FAILED: ReadonlySet<string | null> = new Set(["error", "abort", "cancelled"]);

/** @throws UnansweredError */
function requireNoFailure(reply: Reply): Reply {
  if (FAILED.has(reply.finish))
    throw new UnansweredError(`it broke its reply off (finish_reason ${reply.finish})`);
  return reply;
}

/** @throws UnansweredError, or NoAnswerError where the same request would end in the same way */
function requireCompletion(reply: Reply): Reply & Pick<Completion, "finish"> {
  const { finish, refusal, hasText, thoughts } = reply;
  if (refusal !== null) throw new NoAnswerError(`it refused to answer: ${refusal.slice(0, 300)}`);
  // Broken off, so that it may be whole the next time.
  if (finish === null || FAILED.has(finish))
    throw new UnansweredError(`it does not say that its reply is whole (finish_reason ${finish})`);
  if (finish !== "stop" && finish !== "length")
    throw new NoAnswerError(
      `its reply ended with finish_reason ${finish}, where only stop and length are a text's end`,
    );
  if (finish === "stop" && !hasText && thoughts === null)
    throw new UnansweredError("its reply has no content");
  return { ...reply, finish };
}

/** Cuts a text at the first stop string, for a server that does not take them. */
function cutAtStop(reply: Reply, stop: readonly string[] = []): Reply {
  const found = stop
    .map((end) => ({ end, at: reply.text.indexOf(end) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at)[0];
  if (!found) return reply;
  const text = reply.text.slice(0, found.at);
  return {
    ...reply,
    text,
    content: text,
    written: joinThoughts(reply.thoughts, text),
    finish: "stop",
    stoppedAt: found.end,
  };
}

type Ending = Pick<Completion, "text" | "content" | "thoughts" | "finish">;

/** Whether a reply has thoughts and no answer, be they shown, or hidden where a cut reply is empty. */
export const endsInThoughts = ({ text, content, thoughts, finish }: Ending): boolean =>
  text.trim() === "" && (thoughts !== null || (finish === "length" && content === ""));

/**
 * @param limit on the tokens of a reply, as people find it
 * @throws AppError "generator-unavailable" where a reply ended within its reasoning, so that there is no answer, or where
 * its thoughts cannot be told from its answer
 */
export function requireAnswer(reply: Ending, limit: string): void {
  const mark = findUnreadMark(reply.text);
  if (mark !== null)
    throw new AppError(
      "generator-unavailable",
      `The model's reply holds thoughts between marks that are not read (${JSON.stringify(mark)}). Have its server give them apart (vLLM: --reasoning-parser).`,
    );
  if (!endsInThoughts(reply)) return;
  throw new AppError(
    "generator-unavailable",
    reply.finish === "length"
      ? `The model's reply was cut within its reasoning, before its answer began. Raise the token limit (${limit}).`
      : "The model ended its reply within its reasoning and gave no answer.",
  );
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

/** @throws UnansweredError for what is no error of ours */
function throwUnanswered(error: unknown): never {
  if (error instanceof AppError) throw error;
  throw new UnansweredError(error instanceof Error ? error.message || error.name : String(error));
}

/** The server refused the request, and would refuse it again. */
class RefusedRequestError extends UnansweredError {}

/** The model replied, but with no answer, and would do so again. */
class NoAnswerError extends UnansweredError {}
