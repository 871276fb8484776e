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
/** Per token of the prompt its entry by token id; the first has none, because nothing precedes it. */
const scoredPromptSchema = z.object({
  choices: z.tuple([
    z.object({
      prompt_logprobs: z.array(z.record(z.string(), z.object({ logprob: z.number() })).nullable()),
    }),
  ]),
});
/** What the processes of a server answered, one each. */
const collectiveSchema = z.object({ results: z.array(z.unknown()) });
const resetSchema = z.object({ success: z.literal(true) });
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

  /**
   * Puts whole weights in place of the present ones, while the server runs: /pause, reload_weights in every process,
   * /reset_prefix_cache, /resume. Nothing may sample meanwhile. Where it fails the server may hold neither the old nor the
   * new weights: it is of no more use.
   *
   * @param path folder that transformers can load, of the architecture that is served
   * @param processes that the model is spread over (tensor-parallel size): each must have loaded
   */
  async reloadWeights(path: string, processes: number, signal: AbortSignal): Promise<void> {
    await this.post("/pause?mode=wait", {}, signal);
    const answer = await this.post(
      "/collective_rpc",
      { method: "reload_weights", kwargs: { weights_path: path } },
      signal,
    );
    const loaded = collectiveSchema.safeParse(parseJsonOrNull(answer));
    if (loaded.data?.results.length !== processes)
      throw buildUnusableError(
        `${processes} processes were to load the weights, it answered ${answer.slice(0, 300)}`,
      );
    const reset = await this.post("/reset_prefix_cache", {}, signal);
    if (!resetSchema.safeParse(parseJsonOrNull(reset)).success)
      throw buildUnusableError(
        `its prefix cache, which is of the weights before, was not emptied: ${reset.slice(0, 300)}`,
      );
    await this.post("/resume", {}, signal);
  }

  /**
   * Log-probabilities of a text's tokens but the first, each given those before it, at temperature 1.
   * @param model name of a loaded adapter, or `BASE_MODEL_NAME`
   */
  async scoreText(model: string, ids: readonly number[], signal: AbortSignal): Promise<number[]> {
    const text = await this.post(
      "/v1/completions",
      { model, prompt: ids, max_tokens: 1, temperature: 1, prompt_logprobs: 1 },
      signal,
    );
    const parsed = scoredPromptSchema.safeParse(parseJsonOrNull(text));
    const entries = parsed.data?.choices[0].prompt_logprobs.slice(1) ?? [];
    const logprobs = entries.flatMap((entry, i) => entry?.[String(ids[i + 1])]?.logprob ?? []);
    if (logprobs.length !== ids.length - 1)
      throw buildUnusableError(
        `it gave no log-probabilities of a prompt's tokens: ${text.slice(0, 300)}`,
      );
    return logprobs;
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
