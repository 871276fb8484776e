/**
 * engine/: the worker's own model engine, a Python process (gpu-workers/engine) that samples tokens and computes
 * gradients. `process.ts` starts and stops it; this file speaks its dialect (contracts/engine).
 */

import { randomUUID } from "node:crypto";
import {
  capabilitiesSchema,
  engineErrorBodySchema,
  engineOperations,
  operationSchema,
  type Capabilities,
  type EngineBody,
  type EngineErrorCode,
  type EngineKind,
  type EngineResult,
  type Operation,
} from "@/contracts/engine/dialect";
import { AppError, parseOrThrow, type ErrorCode } from "@/contracts/errors";
import { doubleWait, retry, waitFor } from "@/lib/retry";

/** A request that the engine refused, or an operation that failed in it. */
export class EngineError extends AppError {
  constructor(
    readonly engineCode: EngineErrorCode,
    message: string,
    /** True where the engine did not accept the request: nothing ran and no sequence number was used up. */
    readonly refused: boolean,
  ) {
    const code: ErrorCode =
      engineCode === "not-finite" || engineCode === "out-of-memory" ? "internal" : engineCode;
    super(code, message);
    this.name = "EngineError";
  }
}

/** Address of an engine process, and the secret that its requests carry. */
export interface EngineEndpoint {
  /** For example http://127.0.0.1:41234 */
  url: string;
  secret: string;
}

/** Options of one call. */
export interface CallOptions {
  /** Aborting cancels the operation in the engine, within one forward pass. */
  signal?: AbortSignal;
}

const MINUTE_MS = 60_000;
/** Longest times of operations: those that compute or move a model, and the others, which only look or forget. */
const LONG_MS = 120 * MINUTE_MS;
const SHORT_MS = 10 * MINUTE_MS;
const OPERATION_MS: Record<EngineKind, number> = {
  create_model: LONG_MS,
  delete_model: SHORT_MS,
  sample: LONG_MS,
  end_sessions: SHORT_MS,
  encode_guided: SHORT_MS,
  forward: LONG_MS,
  forward_backward: LONG_MS,
  optim_step: LONG_MS,
  snapshot: SHORT_MS,
  save_state: LONG_MS,
  load_state: LONG_MS,
  import_weights: LONG_MS,
  export: LONG_MS,
  weights_hash: SHORT_MS,
  memory: SHORT_MS,
};
/** An answer that the engine does not wait with comes within so long. */
const REQUEST_MS = 40_000;
const HEALTH_MS = 5_000;

/** How requests wait and are retried. */
export interface EngineClientOptions {
  /** Seconds that one HTTP request waits for the end of an operation before the client polls again. */
  waitSeconds?: number;
  /** Attempts at a request whose connection fails, and the pause before the second one, which then doubles. */
  attempts?: number;
  retryMilliseconds?: number;
  /** Longest time of an operation; by default by its kind. */
  operationMilliseconds?: number;
}

/**
 * Client of one engine process. A request without an answer is repeated under the same operation id, so that a gradient
 * is never taken twice. `createModel` returns the operations of one model.
 */
export class EngineClient {
  private readonly waitSeconds: number;
  private readonly attempts: number;
  private readonly retryMilliseconds: number;
  private readonly models = new Set<EngineModel>();

  constructor(
    readonly endpoint: EngineEndpoint,
    private readonly options: EngineClientOptions = {},
  ) {
    this.waitSeconds = options.waitSeconds ?? 20;
    this.attempts = options.attempts ?? 5;
    this.retryMilliseconds = options.retryMilliseconds ?? 200;
  }

  /** A client of the same engine for one user of it, whose `deleteModels` deletes only the models that it created. */
  createSession(): EngineClient {
    return new EngineClient(this.endpoint, this.options);
  }

  /** Deletes the models created through this client. Failures are ignored: where the engine has ended, so have its models. */
  async deleteModels(): Promise<void> {
    const models = [...this.models];
    this.models.clear();
    await Promise.allSettled(models.map((model) => model.delete()));
  }

  async isHealthy(): Promise<boolean> {
    try {
      await this.request("GET", "/healthz", undefined, AbortSignal.timeout(HEALTH_MS));
      return true;
    } catch {
      return false;
    }
  }

  async getCapabilities(options: CallOptions = {}): Promise<Capabilities> {
    return parseOrThrow(
      capabilitiesSchema,
      await this.requestWithRetry("GET", "/capabilities", undefined, options.signal),
      "Engine capabilities",
    );
  }

  /** Loads a base model (once per process, shared) and creates a model on it under the name `id`. */
  async createModel(
    id: string,
    body: EngineBody<"create_model">,
    options: CallOptions = {},
  ): Promise<EngineModel> {
    const created = await this.runOperation(id, "create_model", body, undefined, options);
    const model = new EngineModel(this, id, created);
    this.models.add(model);
    return model;
  }

  async getMemory(options: CallOptions = {}): Promise<EngineResult<"memory">> {
    return this.runOperation("", "memory", {}, undefined, options);
  }

  /**
   * Runs one operation to its end.
   * @param sequence number of a mutating operation of the model; undefined for one that changes nothing
   * @throws EngineError where it fails; AppError "cancelled" once the signal is aborted, "engine-unavailable" where the
   * process does not answer
   */
  async runOperation<K extends EngineKind>(
    model: string,
    kind: K,
    body: EngineBody<K>,
    sequence: number | undefined,
    options: CallOptions = {},
  ): Promise<EngineResult<K>> {
    const { signal } = options;
    if (signal?.aborted)
      throw new AppError("cancelled", `${kind} was cancelled before it started.`);
    const id = randomUUID();
    const path = `/operations/${id}`;
    let cancelling: Promise<unknown> | undefined;
    const cancel = (): void => {
      cancelling = this.cancel(path);
    };
    signal?.addEventListener("abort", cancel, { once: true });
    const limitMs = this.options.operationMilliseconds ?? OPERATION_MS[kind];
    const end = performance.now() + limitMs;
    try {
      let state = await this.poll("POST", "/operations", {
        id,
        model: model || "-",
        sequence,
        kind,
        body,
      });
      while (state.state === "running") {
        if (performance.now() > end) {
          cancel();
          throw new AppError(
            "engine-unavailable",
            `The engine's ${kind} did not end within ${limitMs / MINUTE_MS} minutes.`,
          );
        }
        state = await this.poll("GET", path, undefined);
      }
      await cancelling;
      if (state.state === "done")
        return parseOrThrow(
          engineOperations[kind].result,
          state.result,
          `Engine result of ${kind}`,
        ) as EngineResult<K>;
      if (state.state === "cancelled") throw new AppError("cancelled", `${kind} was cancelled.`);
      throw new EngineError(
        state.error?.code ?? "internal",
        state.error?.message ?? `${kind} failed without a reason.`,
        false,
      );
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Cancels an operation. The request that starts it may still be on its way, so "not found" is retried for a while. */
  private async cancel(path: string): Promise<void> {
    await retry(() => this.requestWithRetry("POST", `${path}/cancel`, {}, undefined), {
      attempts: 40,
      backoff: waitFor(50),
      shouldRetry: (error) => error instanceof EngineError && error.engineCode === "not-found",
    }).catch(() => undefined);
  }

  private async poll(method: "GET" | "POST", path: string, body: unknown): Promise<Operation> {
    return parseOrThrow(
      operationSchema,
      await this.requestWithRetry(method, `${path}?wait=${this.waitSeconds}`, body, undefined),
      "Engine operation",
    );
  }

  private async requestWithRetry(
    method: "GET" | "POST",
    path: string,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    return retry(() => this.request(method, path, body, signal), {
      attempts: this.attempts,
      backoff: doubleWait(this.retryMilliseconds, { jitter: false }),
      signal,
      buildAbortError: () => new AppError("cancelled", "The call to the engine was cancelled."),
      shouldRetry: (error) => !(error instanceof AppError),
      buildGiveUpError: (error, attempts) =>
        new AppError(
          "engine-unavailable",
          `The engine at ${this.endpoint.url} does not answer (${attempts} attempts).`,
          { cause: error },
        ),
    });
  }

  private async request(
    method: "GET" | "POST",
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<unknown> {
    const limit = AbortSignal.timeout(REQUEST_MS + this.waitSeconds * 1_000);
    const response = await fetch(this.endpoint.url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.endpoint.secret}`,
        "content-type": "application/json",
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const text = await response.text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw new AppError(
        "engine-unavailable",
        `The engine answered ${response.status} without JSON: ${text.slice(0, 200)}`,
      );
    }
    if (response.ok) return json;
    const refused = engineErrorBodySchema.safeParse((json as { error?: unknown } | null)?.error);
    if (refused.success) throw new EngineError(refused.data.code, refused.data.message, true);
    throw new AppError(
      "engine-unavailable",
      `The engine answered ${response.status}: ${text.slice(0, 500)}`,
    );
  }
}

/** One model of the engine. Mutating calls are numbered in their order, so that the engine runs each exactly once. */
export class EngineModel {
  private next = 1;

  constructor(
    private readonly client: EngineClient,
    readonly id: string,
    readonly info: EngineResult<"create_model">,
  ) {}

  private runReadOnly<K extends EngineKind>(
    kind: K,
    body: EngineBody<K>,
    options?: CallOptions,
  ): Promise<EngineResult<K>> {
    return this.client.runOperation(this.id, kind, body, undefined, options);
  }

  private async runMutating<K extends EngineKind>(
    kind: K,
    body: EngineBody<K>,
    options?: CallOptions,
  ): Promise<EngineResult<K>> {
    if (options?.signal?.aborted)
      throw new AppError("cancelled", `${kind} was cancelled before it started.`);
    const sequence = this.next++;
    try {
      return await this.client.runOperation(this.id, kind, body, sequence, options);
    } catch (error) {
      if (error instanceof EngineError && error.refused && this.next === sequence + 1)
        this.next = sequence;
      throw error;
    }
  }

  /** Frees what was trained; the model can then be created again. */
  delete(options?: CallOptions): Promise<EngineResult<"delete_model">> {
    return this.runReadOnly("delete_model", {}, options);
  }
  /** Samples from all sequences as one batch. */
  sample(body: EngineBody<"sample">, options?: CallOptions): Promise<EngineResult<"sample">> {
    return this.runReadOnly("sample", body, options);
  }
  /** Frees the activations kept for these sessions. */
  endSessions(sessions: string[], options?: CallOptions): Promise<EngineResult<"end_sessions">> {
    return this.runReadOnly("end_sessions", { sessions }, options);
  }
  /** Log-probabilities, or a value model's values, without gradient. */
  forward(body: EngineBody<"forward">, options?: CallOptions): Promise<EngineResult<"forward">> {
    return this.runReadOnly("forward", body, options);
  }
  /** Adds the gradient of a loss to the accumulated gradient. A cancelled or failed call adds nothing. */
  forwardBackward(
    body: EngineBody<"forward_backward">,
    options?: CallOptions,
  ): Promise<EngineResult<"forward_backward">> {
    return this.runMutating("forward_backward", body, options);
  }
  /** One AdamW step with the accumulated gradient, which it clears. */
  optimStep(
    body: EngineBody<"optim_step">,
    options?: CallOptions,
  ): Promise<EngineResult<"optim_step">> {
    return this.runMutating("optim_step", body, options);
  }
  /** Keeps a copy of the trained weights under a name, as the reference of a KL penalty. */
  snapshot(name: string, options?: CallOptions): Promise<EngineResult<"snapshot">> {
    return this.runMutating("snapshot", { name }, options);
  }
  /** Writes trained weights, optimiser, step and snapshots to a folder, which appears whole or not at all. */
  saveState(path: string, options?: CallOptions): Promise<EngineResult<"save_state">> {
    return this.runReadOnly("save_state", { path }, options);
  }
  loadState(path: string, options?: CallOptions): Promise<EngineResult<"load_state">> {
    return this.runMutating("load_state", { path }, options);
  }
  /** Loads trained weights from a folder that PEFT (adapter) or transformers (full weights) wrote. The optimiser starts anew. */
  importWeights(path: string, options?: CallOptions): Promise<EngineResult<"import_weights">> {
    return this.runMutating("import_weights", { path }, options);
  }
  /** Writes a folder that PEFT (adapter) or transformers (full weights, or the adapter merged into the base) loads. */
  export(
    path: string,
    { merged = false, ...options }: CallOptions & { merged?: boolean } = {},
  ): Promise<EngineResult<"export">> {
    return this.runReadOnly("export", { path, merged }, options);
  }
  getWeightsHash(options?: CallOptions): Promise<EngineResult<"weights_hash">> {
    return this.runReadOnly("weights_hash", {}, options);
  }
  /** Token ids that guided decoding gives for this text, and which of them the grammar forces. */
  encodeGuided(
    body: EngineBody<"encode_guided">,
    options?: CallOptions,
  ): Promise<EngineResult<"encode_guided">> {
    return this.runReadOnly("encode_guided", body, options);
  }
}
