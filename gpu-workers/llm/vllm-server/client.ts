import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { parseJsonOrNull } from "@/lib/json";
import { doubleWait, retry } from "@/lib/retry";

/** Address and API key of a vLLM server. */
export interface VllmEndpoint {
  /** For example http://127.0.0.1:8000 */
  url: string;
  secret: string;
}

/** Body of POST /v1/completions, as far as callers choose it. */
export interface CompletionRequest {
  /** Name of a loaded adapter, or `BASE_MODEL_NAME`. */
  model: string;
  prompt: readonly number[];
  n: number;
  max_tokens: number;
  temperature: number;
  top_p: number;
  /** -1: all tokens. */
  top_k: number;
  repetition_penalty: number;
  seed: number;
  stop: readonly string[];
  stop_token_ids: readonly number[];
}

/** Name of the frozen base model at the server. */
export const BASE_MODEL_NAME = "base";

const choiceSchema = z.object({
  finish_reason: z.string().nullable(),
  token_ids: z.array(z.int().nonnegative()).nullish(),
  prompt_token_ids: z.array(z.int().nonnegative()).nullish(),
  logprobs: z.object({ token_logprobs: z.array(z.number().nullable()) }).nullish(),
});
const completionSchema = z.object({ choices: z.array(choiceSchema) });
const failureSchema = z.object({ error: z.object({ message: z.string() }) });

/**
 * One completion: its tokens, each with its log-probability at the sampling temperature; of the truncated distribution
 * where top_p, top_k or a repetition penalty truncate it.
 */
export interface TokenCompletion {
  ids: number[];
  logprobs: number[];
  finish: "stop" | "length";
}

/** How requests wait and are retried. */
export interface VllmClientOptions {
  /** Longest wait for one answer. */
  timeoutMs: number;
  /** Attempts at a request whose connection breaks or that the server rejects as too busy. */
  attempts: number;
  /** Pause before the second attempt; doubles. */
  firstPauseMs: number;
}
const DEFAULTS: VllmClientOptions = { timeoutMs: 600_000, attempts: 4, firstPauseMs: 500 };

/**
 * Client of vLLM's OpenAI-compatible server: tokens in, tokens and log-probabilities out, and adapters that are loaded
 * and unloaded while it runs (VLLM_ALLOW_RUNTIME_LORA_UPDATING). An answer that is not as documented throws AppError
 * "sampler-unavailable" with the reason; a missing log-probability is never replaced.
 */
export class VllmClient {
  private readonly options: VllmClientOptions;

  constructor(
    private readonly endpoint: VllmEndpoint,
    options: Partial<VllmClientOptions> = {},
  ) {
    this.options = { ...DEFAULTS, ...options };
  }

  /**
   * POST /v1/load_lora_adapter.
   * @param name never used before
   * @param path folder that PEFT can load
   */
  async loadAdapter(name: string, path: string, signal: AbortSignal): Promise<void> {
    await this.post("/v1/load_lora_adapter", { lora_name: name, lora_path: path }, signal);
  }

  /** POST /v1/unload_lora_adapter */
  async unloadAdapter(name: string, signal: AbortSignal): Promise<void> {
    await this.post("/v1/unload_lora_adapter", { lora_name: name }, signal);
  }

  /** POST /v1/completions: `n` completions of one prompt. */
  async complete(request: CompletionRequest, signal: AbortSignal): Promise<TokenCompletion[]> {
    const text = await this.post(
      "/v1/completions",
      {
        ...request,
        min_p: 0,
        logprobs: 1,
        return_token_ids: true,
        include_stop_str_in_output: true,
        skip_special_tokens: false,
        add_special_tokens: false,
      },
      signal,
    );
    const parsed = completionSchema.safeParse(parseJsonOrNull(text));
    if (!parsed.success)
      throw buildUnusableError(`it does not answer as documented: ${text.slice(0, 300)}`);
    const { choices } = parsed.data;
    if (choices.length !== request.n)
      throw buildUnusableError(
        `it gave ${choices.length} continuations where ${request.n} were asked for`,
      );
    return choices.map((one) => parseCompletion(one, request));
  }

  /** @returns the body of a successful answer */
  private async post(path: string, body: unknown, signal: AbortSignal): Promise<string> {
    let attempts = 0;
    const send = (): Promise<string> => {
      attempts += 1;
      return this.send(path, body, signal);
    };
    try {
      return await retry(send, {
        attempts: this.options.attempts,
        backoff: doubleWait(this.options.firstPauseMs, { jitter: false }),
        signal,
        buildAbortError: () => new AppError("cancelled", "Sampling was cancelled."),
        shouldRetry: (error) => !(error instanceof RefusedRequestError),
      });
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw new AppError(
        "sampler-unavailable",
        `vLLM at ${this.endpoint.url}${path}, ${attempts === 1 ? "asked once" : `asked ${attempts} times`}: ${describeReason(error)}`,
      );
    }
  }

  private async send(path: string, body: unknown, signal: AbortSignal): Promise<string> {
    const response = await fetch(this.endpoint.url + path, {
      method: "POST",
      headers: {
        authorization: `Bearer ${this.endpoint.secret}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(this.options.timeoutMs)]),
    });
    const text = await response.text();
    if (response.ok) return text;
    const failure = failureSchema.safeParse(parseJsonOrNull(text));
    const reason = `status ${response.status}: ${failure.success ? failure.data.error.message : text.slice(0, 300)}`;
    const isTransient = response.status === 429 || response.status === 503;
    throw isTransient ? new Error(reason) : new RefusedRequestError(reason);
  }
}

/** The server refused the request, and would refuse it again. */
class RefusedRequestError extends Error {}

/** The reason of a failed request, which `fetch` puts into the cause of its error. */
function describeReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

const buildUnusableError = (reason: string): AppError =>
  new AppError("sampler-unavailable", `vLLM's answer cannot be trained on: ${reason}.`);

function parseCompletion(
  { finish_reason, token_ids, prompt_token_ids, logprobs }: z.output<typeof choiceSchema>,
  request: CompletionRequest,
): TokenCompletion {
  if (!token_ids)
    throw buildUnusableError(
      "it holds no token ids (return_token_ids); vLLM 0.10.2 or newer is needed",
    );
  if (
    prompt_token_ids &&
    (prompt_token_ids.length !== request.prompt.length ||
      prompt_token_ids.some((id, i) => id !== request.prompt[i]))
  )
    throw buildUnusableError("it read another prompt than it was given");
  if (token_ids.length === 0 || token_ids.length > request.max_tokens)
    throw buildUnusableError(
      `it has ${token_ids.length} tokens where 1 to ${request.max_tokens} were asked for`,
    );
  const values = logprobs?.token_logprobs ?? [];
  if (values.length !== token_ids.length)
    throw buildUnusableError(
      `it has ${values.length} log-probabilities for ${token_ids.length} tokens`,
    );
  // vLLM writes -9999 for minus infinity.
  const impossible = values.find(
    (value) => value === null || !Number.isFinite(value) || value > 1e-3 || value <= -9999,
  );
  if (impossible !== undefined)
    throw buildUnusableError(`a sampled token has the log-probability ${impossible}`);
  if (finish_reason !== "stop" && finish_reason !== "length")
    throw buildUnusableError(`a continuation ended by "${finish_reason ?? "nothing"}"`);
  return { ids: token_ids, logprobs: values as number[], finish: finish_reason };
}
