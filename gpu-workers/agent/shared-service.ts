import { AppError, toWireError } from "@/contracts/errors";
import type { ClusterStatus } from "@/contracts/engine/cluster";
import type { ServiceReport } from "@/contracts/worker-protocol/attach";
import type { ServiceHandle } from "@/gpu-workers/jobs/context/run-context";

/** What is up once a service has started. */
export interface StartedService<T> {
  value: T;
  /** Loopback address, where it has one. */
  address: string | null;
  /** Where the ranks of an engine are, if it has several. */
  cluster?: ClusterStatus | null;
  /** Resident memory now, or null where nobody can say. */
  readMemoryMb?(): Promise<number | null>;
  /** Ends it and resolves when nothing of it is left. */
  stop(): Promise<void>;
  /** Resolves with the reason when it ends without having been asked; stays open otherwise. */
  ended: Promise<string>;
}

export interface ServiceDefinition<T> {
  key: string;
  kind: ServiceReport["kind"];
  /** How long it stays up after the last release, in milliseconds. */
  idleMs: number;
  /** Brings it up; `onDetail` says what it is doing. Throws AppError. */
  start(signal: AbortSignal, onDetail: (detail: string) => void): Promise<StartedService<T>>;
}

/** What a holder may say while it waits and be told later. */
export interface AcquireOptions {
  signal: AbortSignal;
  onDetail?: (detail: string) => void;
  /** The service ended under its holder; the handle is of no more use. */
  onLost?: (error: AppError) => void;
}

interface Holder {
  onDetail?: (detail: string) => void;
  onLost?: (error: AppError) => void;
}

/** One life of the service, from start to stop. A restarted service is a new one, so that old handles cannot touch it. */
interface ServiceInstance<T> {
  state: "starting" | "ready" | "ended";
  abort: AbortController;
  holders: Set<Holder>;
  started: Promise<StartedService<T>>;
  startedAt: number;
  idle: NodeJS.Timeout | undefined;
}

/**
 * A service that several runs and tasks share: started once when it is first asked for, counted by reference, kept
 * warm for a while after the last release, and started anew when it is asked for after it died.
 */
export class SharedService<T> {
  private life: ServiceInstance<T> | null = null;
  /** A life that is being stopped: two engines at once would not fit into memory. */
  private stopping: Promise<void> = Promise.resolve();
  private state: ServiceReport["state"] = "stopped";
  private detail = "";
  private error: string | null = null;
  private current: StartedService<T> | null = null;
  /** As the last life told it: what its ranks were, they probably are again. */
  private cluster: ClusterStatus | null = null;

  constructor(readonly definition: ServiceDefinition<T>) {}

  /**
   * Gives a reference, starting the service where needed; callers that come while it starts wait for the same start.
   * @throws AppError why it could not start, or the signal's reason.
   */
  async acquire({ signal, onDetail, onLost }: AcquireOptions): Promise<ServiceHandle<T>> {
    signal.throwIfAborted();
    const life = this.life ?? this.launch();
    const holder: Holder = { onDetail, onLost };
    life.holders.add(holder);
    clearTimeout(life.idle);
    const release = (): void => this.release(life, holder);
    if (life.state === "starting" && this.detail) onDetail?.(this.detail);
    try {
      const started = await raceWithAbort(life.started, signal);
      return { value: started.value, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Whether anybody holds it or waits for it. */
  get isHeld(): boolean {
    return (this.life?.holders.size ?? 0) > 0;
  }

  async buildReport(): Promise<ServiceReport> {
    const memoryMb = (await this.current?.readMemoryMb?.().catch(() => null)) ?? null;
    return {
      key: this.definition.key,
      kind: this.definition.kind,
      state: this.state,
      detail: this.detail,
      error: this.error,
      memoryMb,
      address: this.current?.address ?? null,
      references: this.life?.holders.size ?? 0,
      startedAt: this.life?.startedAt ?? null,
      cluster: this.cluster,
    };
  }

  /** Stops it whoever holds it, for the end of the agent. */
  async stop(): Promise<void> {
    if (this.life)
      this.end(this.life, new AppError("cancelled", "The worker stops its services."), "stopped");
    await this.stopping;
  }

  private launch(): ServiceInstance<T> {
    const abort = new AbortController();
    const life: ServiceInstance<T> = {
      state: "starting",
      abort,
      holders: new Set(),
      started: this.startAfterStop(abort.signal),
      startedAt: Date.now(),
      idle: undefined,
    };
    this.life = life;
    this.state = "starting";
    this.detail = "";
    this.error = null;
    life.started.then(
      (started) => {
        if (life.state === "ended") return; // stopped while it came up; `end` stops what came
        life.state = "ready";
        this.state = "ready";
        this.detail = "";
        this.current = started;
        this.cluster = started.cluster ?? null;
        void started.ended.then((reason) =>
          this.end(
            life,
            new AppError(
              getUnavailableCode(this.definition.kind),
              `${this.definition.key} ended: ${reason}`,
            ),
            "failed",
          ),
        );
        if (life.holders.size === 0) this.scheduleIdleStop(life);
      },
      (error: unknown) => {
        if (life.state === "ended") return;
        life.state = "ended";
        this.life = null;
        this.state = "failed";
        this.detail = "";
        this.error = toWireError(error).message;
      },
    );
    return life;
  }

  private async startAfterStop(signal: AbortSignal): Promise<StartedService<T>> {
    await this.stopping;
    signal.throwIfAborted();
    return this.definition.start(signal, (detail) => {
      // A server that is up still writes lines; they say nothing of its start.
      if (this.state !== "starting") return;
      this.detail = detail;
      for (const holder of this.life?.holders ?? []) holder.onDetail?.(detail);
    });
  }

  private release(life: ServiceInstance<T>, holder: Holder): void {
    if (!life.holders.delete(holder) || life.holders.size > 0 || life.state === "ended") return;
    // Nobody waits for a start any more: an index that takes an hour is not built for nobody.
    if (life.state === "starting")
      this.end(life, new AppError("cancelled", "Nobody waits for it any more."), "stopped");
    else this.scheduleIdleStop(life);
  }

  private scheduleIdleStop(life: ServiceInstance<T>): void {
    clearTimeout(life.idle);
    life.idle = setTimeout(
      () => this.end(life, new AppError("cancelled", "It was idle."), "stopped"),
      this.definition.idleMs,
    );
  }

  private end(life: ServiceInstance<T>, reason: AppError, state: "failed" | "stopped"): void {
    if (life.state === "ended") return;
    life.state = "ended";
    clearTimeout(life.idle);
    if (this.life === life) this.life = null;
    this.state = state;
    this.detail = "";
    this.error = state === "failed" ? reason.message : null;
    this.current = null;
    life.abort.abort(reason);
    const before = this.stopping;
    this.stopping = (async () => {
      await before;
      const started = await life.started.catch(() => null);
      await started
        ?.stop()
        .catch(
          (error: unknown) => (this.error = `could not be stopped: ${toWireError(error).message}`),
        );
    })();
    for (const holder of [...life.holders]) holder.onLost?.(reason);
    life.holders.clear();
  }
}

const getUnavailableCode = (kind: ServiceReport["kind"]): AppError["code"] => `${kind}-unavailable`;

/** Waits for a promise that goes on by itself; rejects with the signal's reason when that comes first. */
async function raceWithAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: (() => void) | undefined;
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        abort = () => reject(signal.reason as Error);
        signal.addEventListener("abort", abort, { once: true });
      }),
    ]);
  } finally {
    if (abort) signal.removeEventListener("abort", abort);
  }
}
