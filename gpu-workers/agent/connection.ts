import type { IncomingMessage } from "node:http";
import WebSocket, { type RawData } from "ws";
import { AppError, parseOrThrow, toWireError, type ErrorCode } from "@/contracts/errors";
import {
  serverFrameSchema,
  workerMethods,
  type ServerFrame,
  type WorkerMethod,
  type WorkerRequest,
  type WorkerResponse,
} from "@/contracts/worker-protocol/worker-protocol";

/** What the server says without being asked. */
export type Notice = Exclude<ServerFrame, { type: "response" }>;

export interface ConnectionTiming {
  /** Pause before the first reconnect; it doubles up to `maxPauseMs`, and each is shortened at random by up to half. */
  firstPauseMs: number;
  maxPauseMs: number;
  /** A ping is sent this often, and a peer that was silent for three of them counts as gone. */
  pingMs: number;
  /** A request that the server could not answer, as its database was away, is sent again after this. */
  unavailablePauseMs: number;
}
const DEFAULT_TIMING: ConnectionTiming = {
  firstPauseMs: 250,
  maxPauseMs: 15_000,
  pingMs: 5_000,
  unavailablePauseMs: 1_000,
};

/** What the server answered to a request that it did not do; a connection that drops is another error. */
export class ServerRefusal extends AppError {
  /** The server's database is away: the same request may succeed later. */
  get mayPass(): boolean {
    return this.code === "database-unavailable";
  }
  /** The server can store nothing at the moment: its database is away, or has no room. */
  get isOutage(): boolean {
    return this.mayPass || this.code === "storage-full";
  }
}

export interface ConnectionOptions {
  /** Base URL of the server, http(s). */
  server: string;
  token: string;
  /** What to attach with; asked again at every reconnect. */
  attach(): WorkerRequest<"attach">;
  onAttached(response: WorkerResponse<"attach">): void;
  onNotice(notice: Notice): void;
  /** Trying again cannot help: the token or the version is wrong. */
  onFatal(error: AppError): void;
  log(level: "info" | "warn", message: string): void;
  timing?: Partial<ConnectionTiming>;
}

export interface RequestOptions {
  /** Aborting rejects with the signal's reason; the server may still act on what was sent. */
  signal?: AbortSignal;
  /** false: reject when the connection drops, for what would be stale by then. Default: send again after a reconnect. */
  resend?: boolean;
}

interface Pending {
  method: WorkerMethod;
  frame: string;
  resend: boolean;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Codes of a refused attach that another try would only repeat. */
const FATAL_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "unauthorized",
  "unsupported",
  "invalid-input",
]);
const MAX_FRAME_BYTES = 256 * 1024 * 1024;

function buildWebSocketUrl(server: string): string {
  const url = new URL("worker", server.endsWith("/") ? server : `${server}/`);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.toString();
}

/**
 * The worker's one connection, opened outward and kept up for as long as the agent lives. Requests made while it is
 * down wait; those that had no answer when it dropped are sent again, in order, after the next attach. That is safe
 * because every request of the protocol may be said twice.
 */
export class Connection {
  private readonly timing: ConnectionTiming;
  private readonly pending = new Map<number, Pending>();
  private socket: WebSocket | null = null;
  private attached = false;
  private nextId = 1;
  private failures = 0;
  private lastHeard = 0;
  private closed = false;
  private reconnectTimer: NodeJS.Timeout | undefined;
  private pingTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ConnectionOptions) {
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
  }

  /** The server knows this worker now. */
  get isAttached(): boolean {
    return this.attached;
  }

  /** Starts connecting; `onAttached` says when it is up. */
  open(): void {
    const socket = new WebSocket(buildWebSocketUrl(this.options.server), {
      headers: { authorization: `Bearer ${this.options.token}` },
      handshakeTimeout: 10_000,
      maxPayload: MAX_FRAME_BYTES,
    });
    this.socket = socket;
    let reason = "";
    socket.on("open", () => this.attach(socket));
    socket.on("message", (data) => this.receive(socket, data));
    socket.on("pong", () => (this.lastHeard = performance.now()));
    socket.on("error", (error) => (reason = error.message));
    socket.on("unexpected-response", (request, response) => {
      void readRefusal(response).then((text) => {
        request.destroy();
        if (response.statusCode === 401) this.closeAsFatal(buildTokenError(this.options.server));
        else if (response.statusCode === 403)
          this.closeAsFatal(
            new AppError("unauthorized", `${this.options.server} refuses this worker: ${text}`),
          );
        else
          this.handleDrop(
            socket,
            `${this.options.server} answers HTTP ${response.statusCode ?? "without a status"}: ${text || "it does not speak the worker protocol"}`,
          );
      });
    });
    socket.on("close", (code, text) =>
      this.handleDrop(socket, reason || text.toString() || `code ${code}`),
    );
  }

  /**
   * Sends a request and gives the server's answer. Each side checks what it gets: the request is checked by the server.
   * While the server's database is away, it is sent again until it is done, whatever the time.
   * @throws ServerRefusal with the server's code; AppError `cancelled` when the connection is closed for good.
   */
  request<M extends WorkerMethod>(
    method: M,
    params: WorkerRequest<M>,
    { signal, resend = true }: RequestOptions = {},
  ): Promise<WorkerResponse<M>> {
    return new Promise<WorkerResponse<M>>((resolve, rejectPromise) => {
      const reject = (error: Error): void => rejectPromise(error);
      if (signal?.aborted) return reject(signal.reason as Error);
      if (this.closed)
        return reject(new AppError("cancelled", "The connection to the server is closed."));
      if (!resend && !this.attached)
        return reject(new AppError("internal", "Not connected to the server."));
      const id = this.nextId++;
      const abort = (): void => settle(() => reject(signal?.reason as Error));
      const settle = (act: () => void): void => {
        this.pending.delete(id);
        signal?.removeEventListener("abort", abort);
        act();
      };
      signal?.addEventListener("abort", abort, { once: true });
      const entry: Pending = {
        method,
        frame: JSON.stringify({ id, method, params }),
        resend,
        resolve: (result) =>
          settle(() => {
            try {
              resolve(
                parseOrThrow(
                  workerMethods[method].response,
                  result,
                  `Answer to ${method}`,
                ) as WorkerResponse<M>,
              );
            } catch (error) {
              reject(error as Error);
            }
          }),
        reject: (error) => settle(() => reject(error as Error)),
      };
      this.pending.set(id, entry);
      if (this.attached) this.socket?.send(entry.frame);
    });
  }

  /** Closes for good; what has no answer yet is rejected. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.reconnectTimer);
    clearInterval(this.pingTimer);
    for (const entry of [...this.pending.values()])
      entry.reject(new AppError("cancelled", "The connection to the server is closed."));
    const socket = this.socket;
    if (!socket || socket.readyState === WebSocket.CLOSED) return;
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => socket.terminate(), 1_000);
      socket.once("close", () => {
        clearTimeout(force);
        resolve();
      });
      if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
      else socket.close(1000, "the worker stops");
    });
  }

  private attach(socket: WebSocket): void {
    this.lastHeard = performance.now();
    clearInterval(this.pingTimer);
    this.pingTimer = setInterval(() => {
      if (performance.now() - this.lastHeard > 3 * this.timing.pingMs) socket.terminate();
      else if (socket.readyState === WebSocket.OPEN) socket.ping();
    }, this.timing.pingMs);
    const id = this.nextId++;
    this.pending.set(id, {
      method: "attach",
      frame: "",
      resend: false,
      resolve: (result) => {
        this.pending.delete(id);
        try {
          this.handleAttached(
            socket,
            parseOrThrow(workerMethods.attach.response, result, "Answer to attach"),
          );
        } catch (error) {
          this.closeAsFatal(
            new AppError(
              "unsupported",
              `The server's answer is not understood, so its version differs: ${toWireError(error).message}`,
            ),
          );
        }
      },
      reject: (error) => {
        this.pending.delete(id);
        if (error instanceof AppError && FATAL_CODES.has(error.code)) this.closeAsFatal(error);
        else socket.terminate();
      },
    });
    socket.send(JSON.stringify({ id, method: "attach", params: this.options.attach() }));
  }

  private handleAttached(socket: WebSocket, response: WorkerResponse<"attach">): void {
    this.attached = true;
    this.failures = 0;
    this.options.log("info", `attached to ${this.options.server}`);
    for (const [, entry] of [...this.pending].sort(([a], [b]) => a - b)) socket.send(entry.frame);
    this.options.onAttached(response);
  }

  private receive(socket: WebSocket, data: RawData): void {
    if (socket !== this.socket) return;
    this.lastHeard = performance.now();
    let frame: ServerFrame;
    try {
      frame = parseOrThrow(
        serverFrameSchema,
        JSON.parse((data as Buffer).toString()),
        "Frame of the server",
      );
    } catch (error) {
      this.options.log(
        "warn",
        `a frame of the server was not understood: ${toWireError(error).message}`,
      );
      return;
    }
    if (frame.type !== "response") return this.options.onNotice(frame);
    const entry = this.pending.get(frame.id);
    if (!entry) return; // aborted meanwhile
    if (!frame.error) return entry.resolve(frame.result);
    const refusal = new ServerRefusal(frame.error.code, frame.error.message);
    if (refusal.mayPass && entry.resend) this.sendLater(frame.id, entry);
    else entry.reject(refusal);
  }

  /** Sends a request again that waits for an answer; after a reconnect that was done already. */
  private sendLater(id: number, entry: Pending): void {
    setTimeout(() => {
      if (this.attached && this.pending.get(id) === entry) this.socket?.send(entry.frame);
    }, this.timing.unavailablePauseMs).unref();
  }

  private handleDrop(socket: WebSocket, reason: string): void {
    if (socket !== this.socket) return;
    this.socket = null;
    const wasAttached = this.attached;
    this.attached = false;
    clearInterval(this.pingTimer);
    if (this.closed) return;
    for (const entry of [...this.pending.values()])
      if (!entry.resend)
        entry.reject(new AppError("internal", `The connection dropped: ${reason}`));
    if (this.closed) return; // a refused attach may have closed it
    const pause =
      Math.min(
        this.timing.maxPauseMs,
        this.timing.firstPauseMs * 2 ** Math.min(this.failures++, 20),
      ) *
      (0.5 + Math.random() / 2);
    this.options.log(
      "warn",
      `${wasAttached ? "connection lost" : "no connection"} (${reason}); next try in ${(pause / 1000).toFixed(1)} s`,
    );
    this.reconnectTimer = setTimeout(() => this.open(), pause);
  }

  private closeAsFatal(error: AppError): void {
    if (this.closed) return;
    void this.close();
    this.options.onFatal(error);
  }
}

/** The beginning of what a server says that does not let us in. */
async function readRefusal(response: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of response) if ((text += String(chunk)).length > 1_000) break;
  } catch {
    // Cut off; what came will do.
  }
  return text.slice(0, 1_000).trim();
}

function buildTokenError(server: string): AppError {
  return new AppError(
    "unauthorized",
    `${server} refuses this worker token. Create a new one on the Workers page (it is shown once) and start the worker with it in S3_WORKER_TOKEN.`,
  );
}
