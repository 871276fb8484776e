import { mkdir, rm } from "node:fs/promises";
import { AppError, toWireError } from "@/contracts/errors";
import type { RunKind } from "@/contracts/records/run-state";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { Executor } from "@/gpu-workers/jobs/run-context";
import { Attempt, type AttemptDependencies, type LeasedRun } from "./attempt";
import { ArtifactTransfer } from "./checkpoints";
import { Connection, type ConnectionTiming, type Notice } from "./connection";
import { Machine } from "@/gpu-workers/runtime/machine";
import type { CorpusReporter } from "@/gpu-workers/corpora/corpus-report";
import type { AgentLog } from "./log";
import { ServiceRegistry, type ServiceStarters } from "./services";
import { TaskRunner } from "./tasks";
import { type TaskHandlers } from "@/gpu-workers/jobs/task-context";

type Slots = WorkerRequest<"lease">["freeSlots"];

export interface AgentOptions {
  /** Base URL of the server, http(s). */
  server: string;
  token: string;
  workerId: string;
  name: string;
  capabilities: WorkerRequest<"attach">["capabilities"];
  slots: Slots;
  /** Scratch folder of this agent alone; emptied when it starts. */
  workRoot: string;
  executors: Record<RunKind, Executor>;
  tasks: TaskHandlers;
  starters: ServiceStarters;
  log: AgentLog;
  /** What corpora there are; without it, those of the capabilities and no more. */
  corpora?: Pick<CorpusReporter, "readState" | "buildReports">;
  /** The protocol spoken; contracts/worker-protocol.ts. */
  protocolVersion: number;
  timing?: Partial<AgentTiming>;
  connection?: Partial<ConnectionTiming>;
  reports?: AttemptDependencies["reports"];
  artifactRetryPausesMs?: readonly number[];
}

export interface AgentTiming {
  /** Asks for work this often even where the server did not say that there is some. */
  pollMs: number;
  /** Log lines of the worker are sent this often. */
  logMs: number;
  /** How long a service stays up unused. */
  serviceIdleMs: number;
  /** How long a stopping agent waits for its runs to be given back. */
  stopMs: number;
}
const DEFAULT_TIMING: AgentTiming = {
  pollMs: 5_000,
  logMs: 1_000,
  serviceIdleMs: 5 * 60_000,
  stopMs: 8_000,
};

/** Runs of these kinds compute with the engine and hold its slot; the others are light. */
const SLOT_OF: Record<RunKind, keyof Slots> = {
  train: "engine",
  predict: "engine",
  index: "light",
  serve: "light",
  evaluate: "light",
};

interface Held {
  attempt: Attempt;
  done: Promise<void>;
  /** When the lease was last known to be good: the sending time of what the server confirmed. */
  renewedAt: number;
}

/**
 * A worker: attached by one outward connection, it leases runs, executes them and reports. Nothing of it is global, so
 * that two live on one machine. A lease that the server could not confirm for its length counts as lost.
 */
export class Agent {
  private readonly timing: AgentTiming;
  private readonly connection: Connection;
  private readonly services: ServiceRegistry;
  private readonly artifacts: ArtifactTransfer;
  private readonly tasks: TaskRunner;
  private readonly machine = new Machine();
  private readonly held = new Map<string, Held>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private hardware: WorkerRequest<"attach">["hardware"] | null = null;
  private terms: WorkerResponse<"attach"> | null = null;
  private leasing = false;
  private leaseAgain = false;
  private beating = false;
  private sendingLogs = false;
  /** Names of the corpora as the server knows them, and the state of the folders it was told of. */
  private corpora: string[] | null = null;
  private toldCorpora = "";
  private tellingCorpora: Promise<void> = Promise.resolve();
  private stopping: Promise<void> | null = null;
  private settle: (fatal: AppError | null) => void = () => undefined;
  /** Resolves when the agent has stopped: null after `stop`, or why it could not go on. */
  readonly finished = new Promise<AppError | null>((resolve) => (this.settle = resolve));

  constructor(private readonly options: AgentOptions) {
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.services = new ServiceRegistry(options.starters, this.timing.serviceIdleMs);
    this.artifacts = new ArtifactTransfer({
      server: options.server,
      token: options.token,
      retryPausesMs: options.artifactRetryPausesMs,
    });
    this.connection = new Connection({
      server: options.server,
      token: options.token,
      timing: options.connection,
      attach: () => this.attachRequest(),
      onAttached: (terms) => this.onAttached(terms),
      onNotice: (notice) => this.onNotice(notice),
      onFatal: (error) => void this.stop(error),
      log: (level, message) => options.log.say(level, message),
    });
    this.tasks = new TaskRunner({
      connection: this.connection,
      services: this.services,
      handlers: options.tasks,
      log: options.log,
      workRoot: options.workRoot,
      corporaChanged: () => this.tellCorpora(),
      downloadCheckpoint: async (artifactId, directory, signal) => {
        const { manifest } = await this.connection.request("artifact", { artifactId }, { signal });
        await this.artifacts.download(artifactId, manifest.files, directory, signal);
      },
    });
  }

  /** Starts to attach and to work; `finished` says when it is over. */
  async start(): Promise<void> {
    await rm(this.options.workRoot, { recursive: true, force: true });
    await mkdir(this.options.workRoot, { recursive: true });
    this.hardware = await this.machine.hardware();
    this.connection.open();
  }

  /**
   * Stops in order: every run is given back to be resumed elsewhere, services end, the connection closes. A server
   * that cannot be reached finds the leases expired.
   */
  stop(fatal: AppError | null = null): Promise<void> {
    this.stopping ??= this.windDown(fatal).finally(() => this.settle(fatal));
    return this.stopping;
  }

  private async windDown(fatal: AppError | null): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    for (const { attempt } of this.held.values())
      attempt.end({
        how: "release",
        error: new AppError("cancelled", fatal?.message ?? "The worker stops."),
      });
    const given = Promise.all([
      ...[...this.held.values()].map((entry) => entry.done),
      this.tasks.stopAll(),
    ]);
    // Executors stop at their signal, within one engine call; one that does not is stopped by losing its services.
    await withinMs(given, this.patience() * 0.7);
    await this.services.stopAll();
    await withinMs(given, this.patience() * 0.3);
    await this.sendLogs();
    await this.connection.close();
    await rm(this.options.workRoot, { recursive: true, force: true }).catch(() => undefined);
  }

  /** A server that is gone cannot be told anything. */
  private patience(): number {
    return this.connection.isAttached ? this.timing.stopMs : Math.min(this.timing.stopMs, 3_000);
  }

  // --- Connection ------------------------------------------------------------------------------------------------

  private attachRequest(): WorkerRequest<"attach"> {
    if (!this.hardware) throw new AppError("internal", "The agent was not started.");
    const { workerId, name, slots, capabilities, protocolVersion } = this.options;
    return {
      protocolVersion,
      workerId,
      name,
      hardware: this.hardware,
      slots,
      attempts: this.heldRefs(),
      capabilities: { ...capabilities, corpora: this.corpora ?? capabilities.corpora },
    };
  }

  private onAttached(terms: WorkerResponse<"attach">): void {
    const first = this.terms === null;
    this.terms = terms;
    void this.beat();
    void this.lease();
    this.toldCorpora = "";
    void this.tellCorpora();
    if (!first || this.stopping) return;
    this.every(terms.heartbeatMs, () => {
      this.dropExpired();
      void this.beat();
      void this.tellCorpora();
    });
    this.every(this.timing.pollMs, () => void this.lease());
    this.every(this.timing.logMs, () => void this.sendLogs());
  }

  private onNotice(notice: Notice): void {
    switch (notice.type) {
      case "work":
        return void this.lease();
      case "cancel":
        return this.cancel(notice);
      case "task":
        if (!this.stopping) this.tasks.start(notice.task);
        return;
      case "cancel-task":
        return this.tasks.cancel(notice.taskId);
    }
  }

  private every(milliseconds: number, act: () => void): void {
    this.timers.add(setInterval(act, milliseconds));
  }

  // --- Leases ----------------------------------------------------------------------------------------------------

  private freeSlots(): Slots {
    const free = { ...this.options.slots };
    for (const { attempt } of this.held.values()) free[SLOT_OF[attempt.kind]] -= 1;
    return { engine: Math.max(0, free.engine), light: Math.max(0, free.light) };
  }

  private heldRefs(): AttemptRef[] {
    return [...this.held.values()]
      .filter(({ attempt }) => !attempt.lost)
      .map(({ attempt }) => attempt.ref);
  }

  /** Leases until no slot is free or the server has nothing more. One at a time; a call meanwhile makes it ask again. */
  private async lease(): Promise<void> {
    this.leaseAgain = true;
    if (this.leasing) return;
    this.leasing = true;
    try {
      while (this.leaseAgain) {
        this.leaseAgain = false;
        const freeSlots = this.freeSlots();
        if (this.stopping || freeSlots.engine + freeSlots.light === 0) return;
        const askedAt = performance.now();
        const { run } = await this.connection.request("lease", { freeSlots });
        if (!run) continue;
        this.take(run, askedAt);
        this.leaseAgain = true;
      }
    } catch (error) {
      if (!this.stopping) this.options.log.say("warn", `no lease: ${toWireError(error).message}`);
    } finally {
      this.leasing = false;
    }
  }

  private take(run: LeasedRun, renewedAt: number): void {
    const { options } = this;
    const attempt = new Attempt(run, {
      connection: this.connection,
      artifacts: this.artifacts,
      services: this.services,
      executors: options.executors,
      log: options.log,
      workRoot: options.workRoot,
      reports: options.reports,
      corporaChanged: () => this.tellCorpora(),
    });
    const key = refKey(attempt.ref);
    if (this.stopping)
      attempt.end({ how: "release", error: new AppError("cancelled", "The worker stops.") });
    const done = attempt.execute().finally(() => {
      this.held.delete(key);
      void this.lease();
    });
    this.held.set(key, { attempt, done, renewedAt });
  }

  private cancel(ref: AttemptRef): void {
    this.held
      .get(refKey(ref))
      ?.attempt.end({ how: "cancel", error: new AppError("cancelled", "Cancelled on request.") });
  }

  private lose(entry: Held, why: string): void {
    entry.attempt.end({ how: "lost", error: new AppError("stale-attempt", why) });
  }

  /** Without word from the server for the length of a lease, another worker may have the run. */
  private dropExpired(): void {
    const limit = this.terms?.leaseMs ?? Infinity;
    for (const entry of this.held.values())
      if (performance.now() - entry.renewedAt > limit)
        this.lose(
          entry,
          `The lease is lost: no word from the server for ${Math.round(limit / 1000)} s.`,
        );
  }

  private async beat(): Promise<void> {
    if (this.beating || this.stopping) return;
    this.beating = true;
    try {
      const [usage, services] = await Promise.all([this.machine.usage(), this.services.reports()]);
      const attempts = this.heldRefs();
      const sentAt = performance.now();
      const { lost, cancel } = await this.connection.request(
        "heartbeat",
        { attempts, usage, services, freeSlots: this.freeSlots() },
        { resend: false },
      );
      for (const ref of attempts) {
        const entry = this.held.get(refKey(ref));
        if (entry) entry.renewedAt = Math.max(entry.renewedAt, sentAt);
      }
      for (const ref of lost) {
        const entry = this.held.get(refKey(ref));
        if (entry) this.lose(entry, "The server gave this run to another attempt.");
      }
      for (const ref of cancel) this.cancel(ref);
    } catch (error) {
      this.options.log.local("debug", `heartbeat failed: ${toWireError(error).message}`);
    } finally {
      this.beating = false;
    }
  }

  /** Tells the server of the corpora here, where they are not those it knows. One after another; never throws. */
  private tellCorpora(): Promise<void> {
    const { corpora, log } = this.options;
    if (!corpora) return Promise.resolve();
    this.tellingCorpora = this.tellingCorpora.then(async () => {
      try {
        const state = await corpora.readState();
        if (state === this.toldCorpora || this.stopping) return;
        const reports = await corpora.buildReports();
        await this.connection.request("corpora", { corpora: reports }, { resend: false });
        this.corpora = reports.map(({ name }) => name);
        this.toldCorpora = state;
      } catch (error) {
        log.local("debug", `the corpora could not be reported: ${toWireError(error).message}`);
      }
    });
    return this.tellingCorpora;
  }

  private async sendLogs(): Promise<void> {
    if (this.sendingLogs) return;
    this.sendingLogs = true;
    const lines = this.options.log.take();
    try {
      if (lines.length > 0)
        await this.connection.request("workerLogs", { lines }, { resend: false });
    } catch {
      this.options.log.giveBack(lines);
    } finally {
      this.sendingLogs = false;
    }
  }
}

const refKey = ({ runId, attempt }: AttemptRef): string => `${runId}/${attempt}`;

async function withinMs(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    promise,
    new Promise((resolve) => (timer = setTimeout(resolve, milliseconds))),
  ]);
  clearTimeout(timer);
}
