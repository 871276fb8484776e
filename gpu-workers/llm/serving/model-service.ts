/** serving/: a model of the worker served to others, as OpenAI's API. */

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { z } from "zod";
import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import { readUsage } from "@/gpu-workers/llm/endpoint/read-reply";
import { isSameSecret } from "@/lib/hash";
import { parseJsonOrNull } from "@/lib/json";
import { LatencyWindow } from "@/gpu-workers/runtime/latency";
import type { ServiceFigures } from "@/gpu-workers/runtime/service-figures";
import { closeServer, listen, requireNoPage } from "@/gpu-workers/runtime/listen";

/** The server behind the service that computes: the engine, or vLLM. */
export interface ModelBackend {
  /** Base address, without /v1. */
  url: string;
  secret: string;
  /** Name of the model at the backend. */
  model: string;
  /** Resident memory of its processes; null where it is not known. */
  readMemoryMb?(): Promise<number | null>;
}

/** Address, name, key and capacity of a served model. */
export interface ModelServiceOptions {
  host: string;
  /** 0: any free port. */
  port: number;
  /** Names of the model for clients, at least one; the first is its own, the others are further ones. */
  names: readonly string[];
  /** Key that clients must send; null: none. */
  apiKey: string | null;
  /** Requests that the backend runs at once. */
  concurrency: number;
  /** Further requests that may wait. */
  maxWaiting: number;
}

/** What GET /metrics reports. */
export interface ModelMetrics extends ServiceFigures {
  promptTokens: number;
  completionTokens: number;
}

const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Characters that are kept of the end of a streamed reply, where its usage stands if the client asked for it. */
const TAIL_CHARACTERS = 4096;

const STATUS: Partial<Record<ErrorCode, number>> = {
  "invalid-input": 400,
  unsupported: 400,
  unauthorized: 401,
  "not-found": 404,
  conflict: 409,
  "generator-unavailable": 503,
  cancelled: 503,
};

/**
 * Serves a model as OpenAI's API: POST /v1/completions and /v1/chat/completions, GET /v1/models, and, without the key,
 * GET /healthz and GET /metrics. It is a proxy of the server that computes, so that address, key and metrics are the same
 * for every backend. While the backend starts, and when too many requests wait, it answers 503 with Retry-After.
 */
export class ModelService {
  private backend: ModelBackend | null = null;
  private readonly latency = new LatencyWindow();
  private readonly counts = {
    requests: 0,
    errors: 0,
    refused: 0,
    promptTokens: 0,
    completionTokens: 0,
  };
  private readonly queue: (() => void)[] = [];
  private active = 0;
  private startDetail = "starting";
  private stopping = false;

  private constructor(
    private readonly server: Server,
    /** Base address, e.g. http://127.0.0.1:8123. */
    readonly url: string,
    private readonly options: ModelServiceOptions,
  ) {}

  /**
   * Listens on the port, and answers 503 until `setBackend` is called.
   * @throws AppError "conflict" where the port is taken
   */
  static async listen(options: ModelServiceOptions): Promise<ModelService> {
    const { server, url } = await listen(options.host, options.port);
    const service = new ModelService(server, url, options);
    server.on("request", (request, response) => void service.handle(request, response));
    return service;
  }

  /** Sets what /healthz reports while the backend starts. */
  setStartDetail(detail: string): void {
    this.startDetail = detail;
  }

  /** Makes the service ready. */
  setBackend(backend: ModelBackend): void {
    this.backend = backend;
  }

  getMetrics(): ModelMetrics {
    return {
      ...this.counts,
      waiting: this.queue.length,
      latencyMs: {
        p50: this.latency.computePercentile(0.5),
        p99: this.latency.computePercentile(0.99),
      },
      latencyCount: this.latency.count,
    };
  }

  /** Refuses new requests, answers those that run, then closes. After `graceMs` open connections are cut. */
  async stop(graceMs = 10_000): Promise<void> {
    this.stopping = true;
    for (const wake of this.queue.splice(0)) wake();
    await closeServer(this.server, graceMs);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?")[0]!;
    try {
      requireNoPage(request, this.url);
      if (request.method === "GET" && path === "/healthz") return this.sendHealth(response);
      if (request.method === "GET" && path === "/metrics")
        return sendJson(response, 200, this.getMetrics());
      this.authorize(request);
      if (request.method === "GET" && path === "/v1/models")
        return sendJson(response, 200, {
          object: "list",
          data: this.options.names.map((id) => ({
            id,
            object: "model",
            owned_by: "s3",
            root: this.options.names[0],
          })),
        });
      if (
        request.method === "POST" &&
        (path === "/v1/completions" || path === "/v1/chat/completions")
      )
        return await this.complete(path, request, response);
      throw new AppError(
        "not-found",
        `there is no ${request.method} ${path}; use POST /v1/chat/completions, POST /v1/completions or GET /v1/models`,
      );
    } catch (error) {
      this.sendError(response, error);
    }
  }

  private authorize({ headers }: IncomingMessage): void {
    const { apiKey } = this.options;
    if (apiKey !== null && !isSameSecret(headers.authorization ?? "", `Bearer ${apiKey}`))
      throw new AppError("unauthorized", "the API key is missing or wrong");
  }

  private sendHealth(response: ServerResponse): void {
    const requireBackend = this.backend !== null && !this.stopping;
    if (!requireBackend) response.setHeader("Retry-After", "2");
    sendJson(response, requireBackend ? 200 : 503, {
      status: this.stopping ? "stopping" : requireBackend ? "ready" : "starting",
      model: this.options.names[0],
      detail: requireBackend ? "" : this.startDetail,
    });
  }

  private async complete(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const start = performance.now();
    this.counts.requests += 1;
    const body = parseOrThrow(
      z.looseObject({ model: z.string(), stream: z.boolean().nullish() }),
      await readJson(request),
      "the request",
    );
    const { names } = this.options;
    if (!names.includes(body.model))
      throw new AppError(
        "not-found",
        `model "${body.model}" is not served here; this is ${names.join(", ")}`,
      );
    const disconnected = new AbortController();
    response.once("close", () => disconnected.abort());
    await this.acquireSlot();
    try {
      if (disconnected.signal.aborted) return;
      const backend = this.ready();
      const reply = await fetch(`${backend.url}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${backend.secret}` },
        body: JSON.stringify({ ...body, model: backend.model }),
        signal: disconnected.signal,
      }).catch((cause: unknown) => {
        throw new AppError("generator-unavailable", "the model's server does not answer", {
          cause,
        });
      });
      await this.forwardReply(reply, backend, body.model, response);
      if (reply.ok) this.latency.record(performance.now() - start);
      else this.counts.errors += 1;
    } finally {
      this.releaseSlot();
    }
  }

  /** Forwards the backend's reply with the name that the client gave; a stream is forwarded as it comes. */
  private async forwardReply(
    reply: Response,
    backend: ModelBackend,
    name: string,
    response: ServerResponse,
  ): Promise<void> {
    const type = reply.headers.get("content-type") ?? "application/json";
    const rename = (text: string): string =>
      text.replaceAll(JSON.stringify(backend.model), () => JSON.stringify(name));
    if (!type.startsWith("text/event-stream")) {
      const text = await reply.text();
      this.countUsage(text);
      response.writeHead(reply.status, { "content-type": type }).end(rename(text));
      return;
    }
    response.writeHead(reply.status, { "content-type": type });
    let tail = "";
    let line = "";
    const decoder = new TextDecoder();
    for await (const bytes of reply.body! as unknown as AsyncIterable<Uint8Array>) {
      const chunk = decoder.decode(bytes, { stream: true });
      tail = (tail + chunk).slice(-TAIL_CHARACTERS);
      // Whole lines, so that a name is never cut in two.
      const end = (line + chunk).lastIndexOf("\n") + 1;
      response.write(rename((line + chunk).slice(0, end)));
      line = (line + chunk).slice(end);
    }
    this.countUsage(tail);
    response.end(rename(line));
  }

  private countUsage(text: string): void {
    const usage = /"usage":\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})/.exec(text)?.[1];
    const counted = usage === undefined ? null : readUsage(parseJsonOrNull(usage));
    if (counted === null) return;
    this.counts.promptTokens += counted.promptTokens;
    this.counts.completionTokens += counted.completionTokens;
  }

  private ready(): ModelBackend {
    if (this.stopping) throw new AppError("generator-unavailable", "the service is stopping");
    if (this.backend === null)
      throw new AppError("generator-unavailable", `the service is starting: ${this.startDetail}`);
    return this.backend;
  }

  /** Waits for a slot at the backend; slots are given in the order of the requests. */
  private async acquireSlot(): Promise<void> {
    this.ready();
    if (this.active < this.options.concurrency) {
      this.active += 1;
      return;
    }
    if (this.queue.length >= this.options.maxWaiting)
      throw new AppError(
        "generator-unavailable",
        `${this.queue.length} requests wait already; try again later`,
      );
    await new Promise<void>((resolve) => this.queue.push(resolve));
    if (this.stopping) this.active += 1; // woken by `stop`, without a slot that another request released
  }

  private releaseSlot(): void {
    const next = this.queue.shift();
    if (next) next();
    else this.active -= 1;
  }

  private sendError(response: ServerResponse, error: unknown): void {
    const { code, message } = toWireError(error);
    const status = STATUS[code] ?? 500;
    if (status === 503) this.counts.refused += 1;
    else this.counts.errors += 1;
    if (response.headersSent || response.destroyed) return void response.destroy();
    if (status === 503) response.setHeader("Retry-After", "2");
    sendJson(response, status, { error: { type: code, code, message } });
  }
}

const sendJson = (response: ServerResponse, status: number, body: unknown): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new AppError(
        "invalid-input",
        `the request is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB`,
      );
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new AppError("invalid-input", "the request is not JSON", { cause });
  }
}
