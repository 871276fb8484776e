import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { AppError, parseOrThrow, toWireError } from "@/contracts/errors";
import {
  workerFrameSchema,
  workerMethods,
  type ServerFrame,
  type WorkerMethod,
  type WorkerRequest,
  type WorkerResponse,
} from "@/contracts/worker-protocol/worker-protocol";
import { countVllmDevices } from "@/contracts/worker-protocol/vllm-devices";
import type { Database } from "@/server/platform/db/database";
import { toDatabaseAppError } from "@/server/platform/db/errors";
import { refuseUpgrade } from "@/server/platform/refuse-upgrade";
import type { LiveEvents } from "@/server/platform/live/live-events";
import type { Timings } from "@/server/platform/timings";
import type { WorkerTokens } from "./worker-tokens";
import { retry, waitFor } from "@/lib/retry";

const MAX_FRAME_BYTES = 256 * 1024 * 1024;

/** A worker that is attached over one connection. */
export interface AttachedWorker {
  readonly tokenId: string;
  readonly worker: {
    id: string;
    name: string;
    models: string[];
    corpora: string[];
    /** GPUs that its vLLM may have. */
    vllmGpus?: number;
    /** Whether it runs commands. */
    commands?: boolean;
    /** Whether it trains at a Tinker service. */
    trainsElsewhere?: boolean;
  };
  /** The last heartbeat that the pages were told of. */
  announced: { at: number; content: string };
}

/** What the server does for each request of a worker. */
export type WorkerHandlers = {
  [M in Exclude<WorkerMethod, "attach">]: (
    attached: AttachedWorker,
    request: WorkerRequest<M>,
  ) => Promise<WorkerResponse<M>>;
} & {
  attach: (tokenId: string, request: WorkerRequest<"attach">) => Promise<WorkerResponse<"attach">>;
  /** Its connection is gone, and no newer one took its place. */
  detached: (workerId: string) => Promise<void>;
};

interface Connection {
  socket: WebSocket;
  tokenId: string;
  attached: AttachedWorker | null;
  /** Requests about one run are answered one after another, in the order they came. */
  queues: Map<string, Promise<void>>;
}

/** The WebSocket endpoint /worker: who is connected, requests in, answers and notices out. The handlers do the work. */
export class WorkerConnections {
  private readonly server = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });
  private readonly connections = new Set<Connection>();
  private readonly stopping = new AbortController();
  private handlers: WorkerHandlers | null = null;

  constructor(
    private readonly database: Database,
    private readonly tokens: WorkerTokens,
    private readonly liveEvents: LiveEvents,
    private readonly timings: Timings,
    private readonly log: Logger,
  ) {}

  /** Begins to tell workers of queued and cancelled runs. */
  start(handlers: WorkerHandlers): void {
    this.handlers = handlers;
    void this.forwardEvents();
  }

  stop(): void {
    if (this.stopping.signal.aborted) return;
    this.stopping.abort();
    for (const { socket } of this.connections) socket.close(1001, "the server stops");
    this.server.close();
  }

  /** Checks the token before the upgrade: a wrong one gets HTTP 401 and no connection. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    let tokenId: string;
    try {
      tokenId = await this.tokens.verify(request.headers.authorization);
    } catch (error) {
      const { code, message } = toWireError(toDatabaseAppError(error));
      const status = code === "unauthorized" ? "401 Unauthorized" : "503 Service Unavailable";
      return refuseUpgrade(socket, status, JSON.stringify({ code, message }), "application/json");
    }
    this.server.handleUpgrade(request, socket, head, (webSocket) =>
      this.accept(webSocket, tokenId),
    );
  }

  isConnected(workerId: string): boolean {
    return [...this.connections].some((c) => c.attached?.worker.id === workerId);
  }

  /** @returns false where the worker is not connected */
  send(workerId: string, frame: ServerFrame): boolean {
    const connection = [...this.connections].find((c) => c.attached?.worker.id === workerId);
    if (!connection || connection.socket.readyState !== connection.socket.OPEN) return false;
    connection.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Cuts off the workers that came with a token. */
  disconnectToken(tokenId: string): void {
    for (const connection of this.connections)
      if (connection.tokenId === tokenId) connection.socket.close(4001, "the token was revoked");
  }

  private accept(socket: WebSocket, tokenId: string): void {
    const connection: Connection = { socket, tokenId, attached: null, queues: new Map() };
    this.connections.add(connection);
    const attachTimer = setTimeout(() => {
      if (!connection.attached) socket.close(4000, "attach first");
    }, this.timings.attachMs);
    socket.on("message", (data) => void this.receive(connection, data));
    socket.on("error", (error) =>
      this.log.warn({ error: error.message }, "a worker's connection failed"),
    );
    socket.on("close", () => {
      clearTimeout(attachTimer);
      this.connections.delete(connection);
      const id = connection.attached?.worker.id;
      if (id !== undefined && !this.isConnected(id) && !this.stopping.signal.aborted) {
        this.handlers
          ?.detached(id)
          .catch((error: unknown) =>
            this.log.error({ error: toWireError(error) }, "a worker could not be marked offline"),
          );
      }
    });
  }

  private async receive(connection: Connection, data: RawData): Promise<void> {
    let id = 0;
    try {
      const text = Array.isArray(data)
        ? Buffer.concat(data).toString()
        : Buffer.from(data as ArrayBuffer).toString();
      const frame = parseOrThrow(workerFrameSchema, parseJson(text), "Frame of the worker");
      id = frame.id;
      if (!Object.hasOwn(workerMethods, frame.method))
        throw new AppError(
          "unsupported",
          `There is no method "${frame.method}". Run the same version of the repository on worker and server.`,
        );
      const method = frame.method as WorkerMethod;
      const request = parseOrThrow(
        workerMethods[method].request,
        frame.params,
        `Request ${method}`,
      );
      const result = await this.runInOrder(connection, request, () =>
        this.dispatch(connection, method, request),
      );
      this.respond(connection, { type: "response", id, result });
    } catch (cause) {
      const error = toDatabaseAppError(cause);
      if (!(cause instanceof AppError) && toWireError(error).code !== "database-unavailable")
        this.log.error({ error: cause }, "a worker's request failed");
      this.respond(connection, { type: "response", id, error: toWireError(error) });
    }
  }

  private respond({ socket }: Connection, frame: ServerFrame): void {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(frame));
  }

  private async runInOrder<T>(
    connection: Connection,
    request: object,
    work: () => Promise<T>,
  ): Promise<T> {
    const key = "attempt" in request && "runId" in request ? String(request.runId) : null;
    if (key === null) return work();
    const before = connection.queues.get(key) ?? Promise.resolve();
    const result = before.then(work);
    const settled = result.then(
      () => {},
      () => {},
    );
    connection.queues.set(key, settled);
    void settled.then(() => {
      if (connection.queues.get(key) === settled) connection.queues.delete(key);
    });
    return result;
  }

  private async dispatch(
    connection: Connection,
    method: WorkerMethod,
    request: unknown,
  ): Promise<unknown> {
    const { handlers } = this;
    if (!handlers) throw new AppError("internal", "The server is still starting.");
    if (method === "attach") {
      const attach = request as WorkerRequest<"attach">;
      const response = await handlers.attach(connection.tokenId, attach);
      // A worker has one connection: the newer one replaces the older.
      for (const other of this.connections)
        if (other !== connection && other.attached?.worker.id === attach.workerId) {
          other.attached = null;
          other.socket.close(4002, "attached anew");
        }
      connection.attached = {
        tokenId: connection.tokenId,
        worker: {
          id: attach.workerId,
          name: attach.name,
          models: attach.capabilities.models,
          corpora: attach.capabilities.corpora,
          vllmGpus: countVllmDevices(attach.capabilities.vllm, attach.hardware.gpus.length),
          commands: attach.capabilities.commands === true,
          trainsElsewhere: attach.capabilities.tinker !== undefined,
        },
        announced: { at: 0, content: "" },
      };
      return response;
    }
    if (!connection.attached) throw new AppError("unauthorized", "Attach first.");
    // The schema of this very method has parsed the request.
    const handle = handlers[method] as (
      attached: AttachedWorker,
      request: unknown,
    ) => Promise<unknown>;
    return handle(connection.attached, request);
  }

  /** Turns stored events into notices, whichever process stored them. */
  private async forwardEvents(): Promise<void> {
    const { signal } = this.stopping;
    const forward = async (): Promise<void> => {
      for await (const event of this.liveEvents.subscribe({ runId: null, after: null, signal })) {
        if (event.kind === "sync" || (event.kind === "run" && event.payload.state === "queued"))
          this.broadcast({ type: "work" });
        if (event.kind === "run" && event.runId !== null && event.payload.state === "cancelling")
          await this.sendCancel(event.runId);
      }
    };
    await retry(forward, {
      backoff: waitFor(500),
      signal,
      onRetry: (error) =>
        this.log.warn({ error: toWireError(error) }, "cannot follow the events; trying again"),
    }).catch(() => undefined); // only where it was stopped
  }

  private broadcast(frame: ServerFrame): void {
    for (const connection of this.connections)
      if (connection.attached) this.respond(connection, frame);
  }

  private async sendCancel(runId: string): Promise<void> {
    const lease = await this.database.db.lease.findUnique({ where: { runId } });
    if (lease)
      this.send(lease.workerId, { type: "cancel", runId: lease.runId, attempt: lease.attempt });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError("invalid-input", "A frame is JSON.", { cause });
  }
}
