import WebSocket from "ws";
import { AppError } from "@/contracts/errors";
import {
  PROTOCOL_VERSION,
  serverFrameSchema,
  type ServerFrame,
  type WorkerMethod,
  type WorkerRequest,
  type WorkerResponse,
} from "@/contracts/worker-protocol/worker-protocol";
import type { ServiceReport } from "@/contracts/worker-protocol/attach";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";

export type Notice = Exclude<ServerFrame, { type: "response" }>;

interface Options {
  url: string;
  token: string;
  id: string;
  name: string;
  models: string[];
  corpora: string[];
  /** GPUs, with vLLM installed; absent: it has neither. */
  vllmGpus?: number | undefined;
  /** GPUs that its engine trains on; left out: it uses the CPU; null: those of a Ray cluster. */
  ranks?: number | null | undefined;
  /** Whether it runs commands. */
  commands?: boolean | undefined;
  /** Address of the Tinker service that trains in place of its engine. */
  tinker?: string | undefined;
  attempts?: AttemptRef[];
}

/** A worker that does nothing by itself: one real WebSocket that speaks the protocol. */
export class TestWorker {
  readonly notices: Notice[] = [];
  private nextId = 1;
  private readonly pending = new Map<
    number,
    { resolve(result: unknown): void; reject(error: Error): void }
  >();
  private heartbeatTimer: NodeJS.Timeout | undefined;

  private constructor(
    readonly options: Options,
    private readonly socket: WebSocket,
  ) {
    socket.on("message", (data: Buffer) => {
      const frame = serverFrameSchema.parse(JSON.parse(data.toString()));
      if (frame.type !== "response") return void this.notices.push(frame);
      const entry = this.pending.get(frame.id);
      this.pending.delete(frame.id);
      if (frame.error) entry?.reject(new AppError(frame.error.code, frame.error.message));
      else entry?.resolve(frame.result);
    });
    socket.on("close", () => {
      for (const entry of this.pending.values()) entry.reject(new Error("the connection closed"));
    });
  }

  static async attach(options: Options): Promise<TestWorker> {
    const socket = new WebSocket(`${options.url.replace("http", "ws")}/worker`, {
      headers: { authorization: `Bearer ${options.token}` },
    });
    const worker = new TestWorker(options, socket);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    await worker.request("attach", {
      protocolVersion: PROTOCOL_VERSION,
      workerId: options.id,
      name: options.name,
      hardware: {
        hostname: "test",
        platform: "linux",
        cpuModel: "test",
        cores: 2,
        memoryMb: 4096,
        gpus: Array.from({ length: options.vllmGpus ?? 0 }, () => ({
          name: "test",
          memoryMb: 80_000,
        })),
      },
      slots: { engine: 1, light: 4 },
      attempts: options.attempts ?? [],
      capabilities: {
        models: options.models,
        corpora: options.corpora,
        device: options.ranks === undefined ? "cpu" : "cuda",
        ranks: options.ranks,
        dtype: "float32",
        vllm: options.vllmGpus ? "0.11.0" : null,
        commands: options.commands ?? false,
        ...(options.tinker !== undefined && { tinker: options.tinker }),
      },
    });
    return worker;
  }

  get id(): string {
    return this.options.id;
  }

  request<M extends WorkerMethod>(method: M, params: WorkerRequest<M>): Promise<WorkerResponse<M>> {
    return this.requestRaw(method, params) as Promise<WorkerResponse<M>>;
  }

  /** As `request`, but also for requests that the protocol does not allow. */
  requestRaw(method: string, params: unknown): Promise<unknown> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  lease(): Promise<WorkerResponse<"lease">> {
    return this.request("lease", { freeSlots: { engine: 1, light: 4 } });
  }

  /** Leases a run and brings it to `running`. */
  async leaseAndStart(): Promise<NonNullable<WorkerResponse<"lease">["run"]>> {
    const { run } = await this.lease();
    if (!run) throw new Error("there is no run to lease");
    const { runId, attempt } = run;
    await this.request("transition", { runId, attempt, to: "preparing", reason: null });
    await this.request("transition", { runId, attempt, to: "running", reason: null });
    return run;
  }

  heartbeat(
    attempts: AttemptRef[],
    services: ServiceReport[] = [],
  ): Promise<WorkerResponse<"heartbeat">> {
    return this.request("heartbeat", {
      attempts,
      usage: { cpu: 0.5, memoryMb: 100, gpus: [] },
      services,
      freeSlots: { engine: 1, light: 4 },
    });
  }

  /** Heartbeats by itself until `disconnect`, as an agent does. */
  keepAlive(attempts: AttemptRef[], everyMs = 100, services: ServiceReport[] = []): void {
    clearInterval(this.heartbeatTimer);
    this.heartbeatTimer = setInterval(
      () => void this.heartbeat(attempts, services).catch(() => {}),
      everyMs,
    );
  }

  disconnect(): void {
    clearInterval(this.heartbeatTimer);
    this.socket.terminate();
  }
}
