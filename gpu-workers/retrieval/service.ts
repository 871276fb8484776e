import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { z } from "zod";
import { AppError, parseOrThrow, toWireError } from "@/contracts/errors";
import { type RetrieveMetrics, type retrieveError, type retrieveResponse, type retrieveResponseWithScores, retrieveRequest, toWireDocument } from "@/contracts/retrieve";
import { Coalescer, type CoalescerLimits } from "./coalescer";
import { LatencyWindow } from "./latency";
import type { Retriever } from "./retriever";

export interface RetrieveServiceOptions {
  /** By default the loopback: reachable from this machine alone. */
  host?: string;
  /** 0: any free port. */
  port?: number;
  limits?: CoalescerLimits;
}

/** Body of a request: 512 queries of ordinary length fit many times over. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

const STATUS = { "invalid-input": 400, "not-found": 404, "retriever-unavailable": 503, cancelled: 503 } as const;

/**
 * A retriever served to others in upstream's dialect (see contracts/retrieve.ts): POST /retrieve, GET /healthz,
 * GET /metrics. Concurrent requests are searched together; where too many wait, the answer is 503 with Retry-After.
 */
export class RetrieveService {
  private readonly coalescer: Coalescer;
  private readonly latency = new LatencyWindow();
  private readonly counts = { requests: 0, queries: 0, errors: 0, refused: 0 };
  private readonly startedAt = Date.now();
  private stopping = false;

  private constructor(
    private readonly retriever: Retriever,
    private readonly server: Server,
    /** Base address, e.g. http://127.0.0.1:8123. */
    readonly url: string,
    limits: CoalescerLimits | undefined,
  ) {
    this.coalescer = new Coalescer((queries, k, signal) => retriever.search(queries, k, signal), limits);
  }

  /** Starts listening. Throws `conflict` where the port is taken. The retriever stays the caller's to close. */
  static async start(retriever: Retriever, { host = "127.0.0.1", port = 0, limits }: RetrieveServiceOptions = {}): Promise<RetrieveService> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) =>
        reject(new AppError("conflict", cause.code === "EADDRINUSE" ? `port ${port} of ${host} is in use` : `cannot listen on ${host}:${port}: ${cause.message}`, { cause })),
      );
      server.listen(port, host, resolve);
    });
    const { address, family, port: bound } = server.address() as AddressInfo;
    const url = `http://${family === "IPv6" ? `[${address}]` : address}:${bound}`;
    const service = new RetrieveService(retriever, server, url, limits);
    server.on("request", (request, response) => void service.handle(request, response));
    return service;
  }

  metrics(): RetrieveMetrics {
    return {
      uptimeSeconds: (Date.now() - this.startedAt) / 1000,
      ...this.counts,
      batches: this.coalescer.batches,
      waitingQueries: this.coalescer.waitingQueries,
      latencyMs: { p50: this.latency.percentile(0.5), p99: this.latency.percentile(0.99) },
    };
  }

  /** Takes no new request, answers those under way, then closes; after `graceMs` connections are cut. */
  async stop(graceMs = 5_000): Promise<void> {
    this.stopping = true;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeIdleConnections();
    const cut = setTimeout(() => this.server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?")[0];
    response.once("close", () => {
      if (this.stopping) this.server.closeIdleConnections(); // kept alive, it would hold the stop up
    });
    try {
      if (path === "/retrieve" && request.method === "POST") return await this.retrieve(request, response);
      if (path === "/healthz" && request.method === "GET") {
        const description = this.retriever.describe();
        return send(response, this.stopping ? 503 : 200, { status: this.stopping ? "stopping" : "ready", retriever: description.title, documents: description.documents });
      }
      if (path === "/metrics" && request.method === "GET") return send(response, 200, this.metrics());
      throw new AppError("not-found", `there is no ${request.method} ${path}; use POST /retrieve, GET /healthz or GET /metrics`);
    } catch (error) {
      this.sendError(response, error);
    }
  }

  private async retrieve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    this.counts.requests += 1;
    if (this.stopping) throw new AppError("retriever-unavailable", "the service is stopping");
    const { queries, topk, return_scores } = parseOrThrow(retrieveRequest, await readJson(request), "the request");
    this.counts.queries += queries.length;
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const results = await this.coalescer.submit(queries, topk, gone.signal);
    if (return_scores) {
      const result = results.map((ranked) => ranked.map((hit) => ({ document: toWireDocument(hit), score: hit.score })));
      send(response, 200, { result } satisfies z.output<typeof retrieveResponseWithScores>);
    } else {
      send(response, 200, { result: results.map((ranked) => ranked.map(toWireDocument)) } satisfies z.output<typeof retrieveResponse>);
    }
    this.latency.record(performance.now() - began);
  }

  private sendError(response: ServerResponse, error: unknown): void {
    const wire = toWireError(error);
    const status = wire.code in STATUS ? STATUS[wire.code as keyof typeof STATUS] : 500;
    if (status === 503) this.counts.refused += 1;
    else this.counts.errors += 1;
    if (response.headersSent || response.destroyed) return;
    if (status === 503) response.setHeader("Retry-After", "1");
    // The rest of a body that was refused is not read: the connection cannot be used again.
    if (!response.req.complete) response.setHeader("Connection", "close");
    send(response, status, { error: wire } satisfies z.output<typeof retrieveError>);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new AppError("invalid-input", `the request is larger than ${MAX_BODY_BYTES / 1024 / 1024} MiB`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks)));
  } catch (cause) {
    throw new AppError("invalid-input", 'the request is not JSON in UTF-8; send {"queries": ["..."], "topk": 3, "return_scores": true}', { cause });
  }
}
