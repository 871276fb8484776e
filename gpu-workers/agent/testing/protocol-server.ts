import { createHash, randomUUID } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { AppError, parseOrThrow, toWireError } from "@/contracts/errors";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import {
  PROTOCOL_VERSION,
  workerFrameSchema,
  workerMethods,
  type ServerFrame,
  type WorkerMethod,
  type WorkerRequest,
} from "@/contracts/worker-protocol/worker-protocol";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { ArtifactManifest } from "@/contracts/worker-protocol/artifacts";
import type { ReportItem } from "@/contracts/worker-protocol/reports";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";

export const TOKEN = "a-token-for-tests";

interface TestRun {
  runId: string;
  config: RunConfig;
  attempt: number;
  state: "queued" | "held" | "succeeded" | "failed" | "cancelled";
  /** Every transition said, in order. */
  transitions: { attempt: number; to: string; reason: string | null }[];
  items: { attempt: number; sequence: number; item: ReportItem }[];
  sequence: number;
  cancelRequested: boolean;
  checkpoint: ArtifactManifest | null;
}

/**
 * The server's half of the worker protocol, over a real WebSocket and real HTTP, with its state in memory: enough to
 * see what an agent does. It fences by attempt and takes reports exactly once, as the real one must.
 */
export class ProtocolServer {
  readonly runs = new Map<string, TestRun>();
  readonly questions: Question[] = [];
  readonly attaches: WorkerRequest<"attach">[] = [];
  readonly heartbeats: WorkerRequest<"heartbeat">[] = [];
  readonly results = new Map<string, WorkerRequest<"taskResult">>();
  readonly received: { method: WorkerMethod; params: unknown }[] = [];
  readonly files = new Map<string, Buffer>();
  terms = { heartbeatMs: 40, leaseMs: 2_000 };
  /** Called before a request is handled; may throw, or drop the connection. */
  beforeHandling: (method: WorkerMethod, params: unknown) => void = () => undefined;
  /** Called after a request was handled, before its answer: return false to lose the answer with the connection. */
  beforeAnswering: (method: WorkerMethod, params: unknown) => boolean = () => true;
  /** What an upload is answered instead of being stored. */
  refuseUpload: { status: number; code: string; message: string } | null = null;
  protocolVersion = PROTOCOL_VERSION;
  private readonly sockets = new Set<WebSocket>();
  private readonly http = http.createServer(
    (request, response) => void this.serveFile(request, response),
  );
  private readonly ws = new WebSocketServer({ noServer: true });

  static async start(): Promise<ProtocolServer> {
    const server = new ProtocolServer();
    await server.listen(0);
    return server;
  }

  private port = 0;
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  private async listen(port: number): Promise<void> {
    this.http.on("upgrade", (request, socket, head) => {
      if (request.url !== "/worker" || request.headers.authorization !== `Bearer ${TOKEN}`) {
        socket.end(
          `HTTP/1.1 ${request.url === "/worker" ? "401 Unauthorized" : "404 Not Found"}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
        );
        return;
      }
      this.ws.handleUpgrade(request, socket, head, (ws) => this.accept(ws));
    });
    await new Promise<void>((resolve) => this.http.listen(port, "127.0.0.1", resolve));
    this.port = (this.http.address() as AddressInfo).port;
  }

  /** Steps of the metric points that a run reported, in the order in which they came. */
  listSteps(runId: string): number[] {
    return (this.runs.get(runId)?.items ?? []).flatMap(({ item }) =>
      item.kind === "metrics" ? item.points.map(({ step }) => step) : [],
    );
  }

  async close(): Promise<void> {
    this.dropConnections();
    this.ws.close();
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  dropConnections(): void {
    for (const socket of this.sockets) socket.terminate();
    this.sockets.clear();
  }

  queue(config: unknown, checkpoint: ArtifactManifest | null = null): TestRun {
    const run: TestRun = {
      runId: randomUUID(),
      config: parseOrThrow(runConfigSchema, config, "Config"),
      attempt: 0,
      state: "queued",
      transitions: [],
      items: [],
      sequence: 0,
      cancelRequested: false,
      checkpoint,
    };
    this.runs.set(run.runId, run);
    this.push({ type: "work" });
    return run;
  }

  /** Stores an artifact as if an earlier attempt had committed it. */
  storeArtifact(files: Record<string, string>, step: number): ArtifactManifest {
    const id = randomUUID();
    const described = Object.entries(files).map(([name, text]) => {
      this.files.set(`${id}/${name}`, Buffer.from(text));
      return {
        name,
        bytes: Buffer.byteLength(text),
        sha256: createHash("sha256").update(text).digest("hex"),
      };
    });
    return { id, kind: "checkpoint", step, files: described, metadata: {} };
  }

  push(frame: ServerFrame): void {
    for (const socket of this.sockets) socket.send(JSON.stringify(frame));
  }

  private accept(socket: WebSocket): void {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("message", (data) => {
      const { id, method, params } = parseOrThrow(
        workerFrameSchema,
        JSON.parse((data as Buffer).toString()),
        "Frame",
      );
      const name = method as WorkerMethod;
      const answer = (frame: Record<string, unknown>): void =>
        socket.send(JSON.stringify({ type: "response", id, ...frame }));
      try {
        this.received.push({ method: name, params });
        this.beforeHandling(name, params);
        const result = this.handle(name, parseOrThrow(workerMethods[name].request, params, method));
        if (this.beforeAnswering(name, params)) answer({ result });
        else socket.terminate();
      } catch (error) {
        answer({ error: toWireError(error) });
      }
    });
  }

  private fenced({ runId, attempt }: AttemptRef): TestRun {
    const run = this.runs.get(runId);
    if (!run || run.attempt !== attempt || run.state !== "held")
      throw new AppError("stale-attempt", "another attempt has this run");
    return run;
  }

  private handle(method: WorkerMethod, params: unknown): unknown {
    switch (method) {
      case "attach": {
        const request = params as WorkerRequest<"attach">;
        if (request.protocolVersion !== this.protocolVersion)
          throw new AppError("unsupported", "protocol version differs");
        this.attaches.push(request);
        return { workerId: request.workerId, ...this.terms };
      }
      case "heartbeat": {
        const request = params as WorkerRequest<"heartbeat">;
        this.heartbeats.push(request);
        const stale = (ref: AttemptRef): boolean =>
          this.runs.get(ref.runId)?.attempt !== ref.attempt;
        return {
          lost: request.attempts.filter(stale),
          pause: [],
          steps: [],
          cancel: request.attempts.filter((ref) => this.runs.get(ref.runId)?.cancelRequested),
        };
      }
      case "lease": {
        const { freeSlots } = params as WorkerRequest<"lease">;
        for (const run of this.runs.values()) {
          const slot =
            run.config.kind === "train" || run.config.kind === "predict"
              ? freeSlots.engine
              : freeSlots.light;
          if (run.state !== "queued" || slot === 0) continue;
          run.state = "held";
          run.attempt += 1;
          run.sequence = 0;
          const resume = run.checkpoint && {
            artifactId: run.checkpoint.id,
            step: run.checkpoint.step,
            files: run.checkpoint.files,
          };
          return {
            run: {
              runId: run.runId,
              attempt: run.attempt,
              kind: run.config.kind,
              config: run.config,
              resume,
            },
          };
        }
        return { run: null };
      }
      case "transition": {
        const request = params as WorkerRequest<"transition">;
        const known = this.runs.get(request.runId)?.transitions.at(-1);
        if (known && known.attempt === request.attempt && known.to === request.to) return {};
        const run = this.fenced(request);
        run.transitions.push({ attempt: request.attempt, to: request.to, reason: request.reason });
        if (request.to === "queued") run.state = "queued";
        else if (
          request.to === "succeeded" ||
          request.to === "failed" ||
          request.to === "cancelled"
        )
          run.state = request.to;
        return {};
      }
      case "report": {
        const { sequence, items, ...ref } = params as WorkerRequest<"report">;
        const run = this.fenced(ref);
        if (sequence <= run.sequence) return { accepted: false };
        if (sequence !== run.sequence + 1)
          throw new AppError("out-of-order", `expected ${run.sequence + 1}`);
        run.sequence = sequence;
        for (const item of items) run.items.push({ attempt: ref.attempt, sequence, item });
        return { accepted: true };
      }
      case "commitArtifact": {
        const { manifest, ...ref } = params as WorkerRequest<"commitArtifact">;
        this.fenced(ref).checkpoint = manifest;
        return {};
      }
      case "artifact": {
        const { artifactId } = params as WorkerRequest<"artifact">;
        for (const run of this.runs.values())
          if (run.checkpoint?.id === artifactId)
            return { manifest: run.checkpoint, config: run.config };
        throw new AppError("not-found", "no such artifact");
      }
      case "questions": {
        const { after, limit } = params as WorkerRequest<"questions">;
        const start = after === null ? 0 : this.questions.findIndex((q) => q.id === after) + 1;
        const page = this.questions.slice(start, start + Math.min(limit, 2));
        return {
          questions: page,
          next: start + page.length < this.questions.length ? (page.at(-1)?.id ?? null) : null,
        };
      }
      case "taskResult": {
        const result = params as WorkerRequest<"taskResult">;
        this.results.set(result.taskId, result);
        return {};
      }
      case "findAnswers":
        return { answers: [] };
      case "storedAccuracy":
        return { scored: 0, sum: 0 };
      case "storedBaselines":
        return { entries: [], next: null };
      case "storedEpisodes":
        return { episodes: [], documents: [] };
      case "answeredQuestions":
      case "rankedQuestions":
        return { questions: [], next: null };
      case "saveAnswers":
      case "taskProgress":
      case "workerLogs":
      case "corpora":
      case "models":
        return {};
      case "endpointKey":
      case "findEpisodes":
      case "findVerdicts":
        throw new AppError("unsupported", `${method} is not part of these tests`);
    }
  }

  private async serveFile(
    request: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    const key = url.pathname.replace("/worker/artifacts/", "");
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return void response.writeHead(401).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === "GET") {
      const file = this.files.get(key);
      return void (file ? response.writeHead(200).end(file) : response.writeHead(404).end());
    }
    if (this.refuseUpload) {
      const { status, code, message } = this.refuseUpload;
      return void response
        .writeHead(status, { "content-type": "application/json" })
        .end(JSON.stringify({ code, message }));
    }
    const run = this.runs.get(url.searchParams.get("runId") ?? "");
    if (!run || String(run.attempt) !== url.searchParams.get("attempt"))
      return void response
        .writeHead(409)
        .end(JSON.stringify({ code: "stale-attempt", message: "stale" }));
    this.files.set(key, Buffer.concat(chunks));
    response.writeHead(200).end("{}");
  }
}
