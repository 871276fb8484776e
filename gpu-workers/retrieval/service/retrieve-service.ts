import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { z } from "zod";
import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import {
  DEFAULT_TOPK,
  RETRIEVE_LIMITS,
  RETRIEVER_KEY_HEADER,
  type RetrieveHealth,
  type RetrieveLimits,
  type RetrieveMetrics,
  type retrieveErrorSchema,
  type retrieveResponseSchema,
  type retrieveResponseWithScoresSchema,
  buildRetrieveRequestSchema,
  toWireDocument,
} from "@/contracts/formats/retrieve";
import { isSameSecret } from "@/lib/hash";
import { closeServer, listen, requireNoPage } from "@/gpu-workers/runtime/listen";
import { COALESCER_LIMITS, Coalescer, type CoalescerLimits } from "./coalescer";
import { LatencyWindow } from "@/gpu-workers/runtime/latency";
import { formatPrometheus } from "./prometheus";
import type { Retriever } from "@/gpu-workers/retrieval/retriever";

export interface RetrieveServiceOptions {
  /** By default the loopback: reachable from this machine alone. */
  host?: string;
  /** 0: any free port. */
  port?: number;
  /** What searchers must show, as `?token=` or `Authorization: Bearer`; by default nothing. */
  token?: string | null;
  limits?: Partial<RetrieveLimits & CoalescerLimits>;
  /** Documents a query where a request names none; by default 3, or the limit where that is lower. */
  defaultTopk?: number | null;
}

/** Body of a request: 512 queries of ordinary length fit many times over. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** Bodies that are being read at once, in all: what is larger waits outside. */
const MAX_READING_BYTES = 256 * 1024 * 1024;

const HTTP_STATUS: Partial<Record<ErrorCode, number>> = {
  "invalid-input": 400,
  unsupported: 400,
  unauthorized: 403,
  "not-found": 404,
  conflict: 409,
  "retriever-unavailable": 503,
  cancelled: 503,
};

/**
 * A retriever served to others in upstream's dialect (contracts/formats/retrieve.ts): POST /retrieve, GET /healthz,
 * GET /metrics (JSON, or Prometheus' text where that is asked for). Concurrent requests are searched together; where
 * too many wait, the answer is 503 with Retry-After.
 */
export class RetrieveService {
  private retriever: Retriever | null = null;
  private coalescer: Coalescer | null = null;
  private key = "";
  private readonly limits: RetrieveLimits & CoalescerLimits;
  private readonly defaultTopk: number;
  private readonly request: ReturnType<typeof buildRetrieveRequestSchema>;
  private readonly latency = new LatencyWindow();
  private readonly counts = { requests: 0, queries: 0, errors: 0, refused: 0 };
  private readonly startedAt = Date.now();
  private readingBytes = 0;
  private starting = "starting";
  private stopping = false;

  private constructor(
    private readonly server: Server,
    /** Base address, e.g. http://127.0.0.1:8123. */
    readonly url: string,
    private readonly token: string | null,
    { limits, defaultTopk }: Pick<RetrieveServiceOptions, "limits" | "defaultTopk">,
  ) {
    this.limits = { ...RETRIEVE_LIMITS, ...COALESCER_LIMITS, ...limits };
    this.defaultTopk = defaultTopk ?? Math.min(DEFAULT_TOPK, this.limits.topk);
    this.request = buildRetrieveRequestSchema(this.limits, this.defaultTopk);
  }

  /**
   * Takes the port and answers "starting" until `serve` brings a retriever: a port that is taken is known before an
   * index is built. Throws `conflict` where it is.
   */
  static async listen({
    host = "127.0.0.1",
    port = 0,
    token = null,
    ...answering
  }: RetrieveServiceOptions = {}): Promise<RetrieveService> {
    const { server, url } = await listen(host, port);
    const service = new RetrieveService(server, url, token, answering);
    server.on("request", (request, response) => void service.handle(request, response));
    return service;
  }

  /** Listens and serves. The retriever stays the caller's to close. */
  static async start(
    retriever: Retriever,
    options: RetrieveServiceOptions = {},
  ): Promise<RetrieveService> {
    const service = await RetrieveService.listen(options);
    service.serve(retriever);
    return service;
  }

  /** What is being done before the retriever is there, for /healthz. */
  setStartDetail(detail: string): void {
    this.starting = detail;
  }

  /** Ready from now on. */
  serve(retriever: Retriever): void {
    this.coalescer = new Coalescer(
      (queries, k, signal) => retriever.search(queries, k, signal),
      this.limits,
    );
    this.key = retriever.describe().key;
    this.retriever = retriever;
  }

  readMetrics(): RetrieveMetrics {
    return {
      uptimeSeconds: (Date.now() - this.startedAt) / 1000,
      ...this.counts,
      batches: this.coalescer?.batches ?? 0,
      waitingQueries: this.coalescer?.waitingQueries ?? 0,
      latencyMs: {
        p50: this.latency.computePercentile(0.5),
        p99: this.latency.computePercentile(0.99),
      },
      latencySumMs: this.latency.sum,
      latencyCount: this.latency.count,
      memoryMb: process.memoryUsage.rss() / 1024 / 1024,
    };
  }

  /** Takes no new request, answers those under way, then closes; after `graceMs` connections are cut. */
  async stop(graceMs = 5_000): Promise<void> {
    this.stopping = true;
    await closeServer(this.server, graceMs);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path, query] = (request.url ?? "/").split("?");
    try {
      requireNoPage(request, this.url);
      if (path === "/retrieve" && request.method === "POST")
        return await this.retrieve(request, response, query);
      if (path === "/healthz" && request.method === "GET") return this.sendHealth(response);
      if (path === "/metrics" && request.method === "GET") {
        if (
          query !== "format=prometheus" &&
          !/text\/plain|openmetrics/.test(request.headers.accept ?? "")
        )
          return send(response, 200, JSON.stringify(this.readMetrics()));
        return send(
          response,
          200,
          formatPrometheus(this.readMetrics(), this.ready),
          "text/plain; version=0.0.4; charset=utf-8",
        );
      }
      throw new AppError(
        "not-found",
        `there is no ${request.method} ${path}; use POST /retrieve, GET /healthz or GET /metrics`,
      );
    } catch (error) {
      this.sendError(response, error);
    }
  }

  private get ready(): boolean {
    return this.retriever !== null && !this.stopping;
  }

  private sendHealth(response: ServerResponse): void {
    const description = this.retriever?.describe();
    const { queries, queryCharacters, topk } = this.limits;
    if (!this.ready) response.setHeader("Retry-After", "2");
    const health: RetrieveHealth = {
      status: this.stopping ? "stopping" : description ? "ready" : "starting",
      retriever: description?.title ?? this.starting,
      documents: description?.documents ?? null,
      key: description?.key ?? null,
      ...(description?.note !== undefined && { note: description.note }),
      limits: { queries, queryCharacters, topk },
      defaultTopk: this.defaultTopk,
    };
    send(response, this.ready ? 200 : 503, JSON.stringify(health));
  }

  private async retrieve(
    request: IncomingMessage,
    response: ServerResponse,
    query: string | undefined,
  ): Promise<void> {
    const began = performance.now();
    this.counts.requests += 1;
    const shown =
      request.headers.authorization?.replace(/^Bearer /i, "") ??
      new URLSearchParams(query).get("token") ??
      "";
    if (this.token !== null && !isSameSecret(shown, this.token))
      throw new AppError(
        "unauthorized",
        "the token is missing or wrong: ask at the address that the run's page shows, with its ?token=, or send Authorization: Bearer",
      );
    if (this.stopping) throw new AppError("retriever-unavailable", "the service is stopping");
    if (!this.coalescer)
      throw new AppError("retriever-unavailable", `the service is starting: ${this.starting}`);
    const { queries, topk, return_scores } = parseOrThrow(
      this.request,
      await this.readJson(request),
      "the request",
    );
    this.counts.queries += queries.length;
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const results = await this.coalescer.submit(queries, topk, gone.signal);
    response.setHeader(RETRIEVER_KEY_HEADER, this.key);
    const body = return_scores
      ? ({
          result: results.map((ranked) =>
            ranked.map((hit) => ({ document: toWireDocument(hit), score: hit.score })),
          ),
        } satisfies z.output<typeof retrieveResponseWithScoresSchema>)
      : ({ result: results.map((ranked) => ranked.map(toWireDocument)) } satisfies z.output<
          typeof retrieveResponseSchema
        >);
    send(response, 200, JSON.stringify(body));
    this.latency.record(performance.now() - began);
  }

  private async readJson(request: IncomingMessage): Promise<unknown> {
    let text: string;
    let bytes = 0;
    try {
      text = await new Promise<string>((resolve, reject) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
          this.readingBytes += chunk.length;
          if (bytes > MAX_BODY_BYTES)
            reject(
              new AppError(
                "invalid-input",
                `the request is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB`,
              ),
            );
          else if (this.readingBytes > MAX_READING_BYTES)
            reject(
              new AppError(
                "retriever-unavailable",
                "too many large requests at once; try again later",
              ),
            );
          else chunks.push(chunk);
        });
        request.once("end", () => {
          try {
            resolve(
              new TextDecoder("utf-8", { fatal: true }).decode(
                chunks.length === 1 ? chunks[0] : Buffer.concat(chunks),
              ),
            );
          } catch (cause) {
            reject(createNotJsonError(cause));
          }
        });
        request.once("close", () => reject(new AppError("cancelled", "the client is gone")));
      });
    } finally {
      request.removeAllListeners("data");
      this.readingBytes -= bytes;
    }
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw createNotJsonError(cause);
    }
  }

  private sendError(response: ServerResponse, error: unknown): void {
    const wire = toWireError(error);
    const status = HTTP_STATUS[wire.code] ?? 500;
    if (status === 503) this.counts.refused += 1;
    else this.counts.errors += 1;
    if (response.headersSent || response.destroyed) return;
    if (status === 503)
      response.setHeader(
        "Retry-After",
        String(Math.min(30, Math.max(1, Math.ceil(this.coalescer?.waitSeconds ?? 5)))),
      );
    // The rest of a body that was refused is not read: the connection cannot be used again.
    if (!response.req.complete) response.setHeader("Connection", "close");
    send(
      response,
      status,
      JSON.stringify({ error: wire } satisfies z.output<typeof retrieveErrorSchema>),
    );
  }
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  type = "application/json",
): void {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

const createNotJsonError = (cause: unknown): AppError =>
  new AppError(
    "invalid-input",
    'the request is not JSON in UTF-8; send {"queries": ["..."], "topk": 3, "return_scores": true}',
    { cause },
  );
