import { mkdir, rm } from "node:fs/promises";
import { AppError, toWireError } from "@/contracts/errors";
import type { RunKind } from "@/contracts/records/run-state";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { Executor } from "@/gpu-workers/jobs/run-context";
import { Attempt, type AttemptDependencies, type LeasedRun } from "./attempt";
import { ArtifactTransfer } from "./artifact-transfer";
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
  taskHandlers: TaskHandlers;
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

interface HeldAttempt {
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
  private readonly held = new Map<string, HeldAttempt>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private hardware: WorkerRequest<"attach">["hardware"] | null = null;
  private terms: WorkerResponse<"attach"> | null = null;
  private leasing = false;
  private leaseAgain = false;
  private sendingHeartbeat = false;
  private sendingLogs = false;
  /** Names of the corpora as the server knows them, and the state of the folders it was told of. */
  private corpora: string[] | null = null;
  private reportedCorporaState = "";
  private reportingCorpora: Promise<void> = Promise.resolve();
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
      attach: () => this.buildAttachRequest(),
      onAttached: (terms) => this.onAttached(terms),
      onNotice: (notice) => this.onNotice(notice),
      onFatal: (error) => void this.stop(error),
      log: (level, message) => options.log.write(level, message),
    });
    this.tasks = new TaskRunner({
      connection: this.connection,
      services: this.services,
      handlers: options.taskHandlers,
      log: options.log,
      workRoot: options.workRoot,
      reportCorpora: () => this.reportCorpora(),
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
    this.hardware = await this.machine.readHardware();
    this.connection.open();
  }

  /**
   * Stops in order: every run is given back to be resumed elsewhere, services end, the connection closes. A server
   * that cannot be reached finds the leases expired.
   */
  stop(fatal: AppError | null = null): Promise<void> {
    this.stopping ??= this.shutDown(fatal).finally(() => this.settle(fatal));
    return this.stopping;
  }

  private async shutDown(fatal: AppError | null): Promise<void> {
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
    await waitAtMost(given, this.getStopLimitMs() * 0.7);
    await this.services.stopAll();
    await waitAtMost(given, this.getStopLimitMs() * 0.3);
    await this.sendLogs();
    await this.connection.close();
    await rm(this.options.workRoot, { recursive: true, force: true }).catch(() => undefined);
  }

  /** A server that is gone cannot be told anything. */
  private getStopLimitMs(): number {
    return this.connection.isAttached ? this.timing.stopMs : Math.min(this.timing.stopMs, 3_000);
  }

  // --- Connection ------------------------------------------------------------------------------------------------

  private buildAttachRequest(): WorkerRequest<"attach"> {
    if (!this.hardware) throw new AppError("internal", "The agent was not started.");
    const { workerId, name, slots, capabilities, protocolVersion } = this.options;
    return {
      protocolVersion,
      workerId,
      name,
      hardware: this.hardware,
      slots,
      attempts: this.listHeldRefs(),
      capabilities: { ...capabilities, corpora: this.corpora ?? capabilities.corpora },
    };
  }

  private onAttached(terms: WorkerResponse<"attach">): void {
    const first = this.terms === null;
    this.terms = terms;
    void this.sendHeartbeat();
    void this.leaseRuns();
    this.reportedCorporaState = "";
    void this.reportCorpora();
    if (!first || this.stopping) return;
    this.repeatEvery(terms.heartbeatMs, () => {
      this.dropExpiredLeases();
      void this.sendHeartbeat();
      void this.reportCorpora();
    });
    this.repeatEvery(this.timing.pollMs, () => void this.leaseRuns());
    this.repeatEvery(this.timing.logMs, () => void this.sendLogs());
  }

  private onNotice(notice: Notice): void {
    switch (notice.type) {
      case "work":
        return void this.leaseRuns();
      case "cancel":
        return this.cancelAttempt(notice);
      case "task":
        if (!this.stopping) this.tasks.start(notice.task);
        return;
      case "cancel-task":
        return this.tasks.cancel(notice.taskId);
    }
  }

  private repeatEvery(milliseconds: number, act: () => void): void {
    this.timers.add(setInterval(act, milliseconds));
  }

  // --- Leases ----------------------------------------------------------------------------------------------------

  private countFreeSlots(): Slots {
    const free = { ...this.options.slots };
    for (const { attempt } of this.held.values()) free[SLOT_OF[attempt.kind]] -= 1;
    return { engine: Math.max(0, free.engine), light: Math.max(0, free.light) };
  }

  private listHeldRefs(): AttemptRef[] {
    return [...this.held.values()]
      .filter(({ attempt }) => !attempt.lost)
      .map(({ attempt }) => attempt.ref);
  }

  /** Leases until no slot is free or the server has nothing more. One at a time; a call meanwhile makes it ask again. */
  private async leaseRuns(): Promise<void> {
    this.leaseAgain = true;
    if (this.leasing) return;
    this.leasing = true;
    try {
      while (this.leaseAgain) {
        this.leaseAgain = false;
        const freeSlots = this.countFreeSlots();
        if (this.stopping || freeSlots.engine + freeSlots.light === 0) return;
        const askedAt = performance.now();
        const { run } = await this.connection.request("lease", { freeSlots });
        if (!run) continue;
        this.startAttempt(run, askedAt);
        this.leaseAgain = true;
      }
    } catch (error) {
      if (!this.stopping) this.options.log.write("warn", `no lease: ${toWireError(error).message}`);
    } finally {
      this.leasing = false;
    }
  }

  private startAttempt(run: LeasedRun, renewedAt: number): void {
    const { options } = this;
    const attempt = new Attempt(run, {
      connection: this.connection,
      artifacts: this.artifacts,
      services: this.services,
      executors: options.executors,
      log: options.log,
      workRoot: options.workRoot,
      reports: options.reports,
      reportCorpora: () => this.reportCorpora(),
    });
    const key = buildRefKey(attempt.ref);
    if (this.stopping)
      attempt.end({ how: "release", error: new AppError("cancelled", "The worker stops.") });
    const done = attempt.execute().finally(() => {
      this.held.delete(key);
      void this.leaseRuns();
    });
    this.held.set(key, { attempt, done, renewedAt });
  }

  private cancelAttempt(ref: AttemptRef): void {
    this.held
      .get(buildRefKey(ref))
      ?.attempt.end({ how: "cancel", error: new AppError("cancelled", "Cancelled on request.") });
  }

  private dropLease(entry: HeldAttempt, why: string): void {
    entry.attempt.end({ how: "lost", error: new AppError("stale-attempt", why) });
  }

  /** Without word from the server for the length of a lease, another worker may have the run. */
  private dropExpiredLeases(): void {
    const limit = this.terms?.leaseMs ?? Infinity;
    for (const entry of this.held.values())
      if (performance.now() - entry.renewedAt > limit)
        this.dropLease(
          entry,
          `The lease is lost: no word from the server for ${Math.round(limit / 1000)} s.`,
        );
  }

  private async sendHeartbeat(): Promise<void> {
    if (this.sendingHeartbeat || this.stopping) return;
    this.sendingHeartbeat = true;
    try {
      const [usage, services] = await Promise.all([
        this.machine.measureUsage(),
        this.services.listReports(),
      ]);
      const attempts = this.listHeldRefs();
      const sentAt = performance.now();
      const { lost, cancel } = await this.connection.request(
        "heartbeat",
        { attempts, usage, services, freeSlots: this.countFreeSlots() },
        { resend: false },
      );
      for (const ref of attempts) {
        const entry = this.held.get(buildRefKey(ref));
        if (entry) entry.renewedAt = Math.max(entry.renewedAt, sentAt);
      }
      for (const ref of lost) {
        const entry = this.held.get(buildRefKey(ref));
        if (entry) this.dropLease(entry, "The server gave this run to another attempt.");
      }
      for (const ref of cancel) this.cancelAttempt(ref);
    } catch (error) {
      this.options.log.writeLocally("debug", `heartbeat failed: ${toWireError(error).message}`);
    } finally {
      this.sendingHeartbeat = false;
    }
  }

  /** Tells the server of the corpora here, where they are not those it knows. One after another; never throws. */
  private reportCorpora(): Promise<void> {
    const { corpora, log } = this.options;
    if (!corpora) return Promise.resolve();
    this.reportingCorpora = this.reportingCorpora.then(async () => {
      try {
        const state = await corpora.readState();
        if (state === this.reportedCorporaState || this.stopping) return;
        const reports = await corpora.buildReports();
        await this.connection.request("corpora", { corpora: reports }, { resend: false });
        this.corpora = reports.map(({ name }) => name);
        this.reportedCorporaState = state;
      } catch (error) {
        log.writeLocally(
          "debug",
          `the corpora could not be reported: ${toWireError(error).message}`,
        );
      }
    });
    return this.reportingCorpora;
  }

  private async sendLogs(): Promise<void> {
    if (this.sendingLogs) return;
    this.sendingLogs = true;
    const lines = this.options.log.takeLines();
    try {
      if (lines.length > 0)
        await this.connection.request("workerLogs", { lines }, { resend: false });
    } catch {
      this.options.log.restoreLines(lines);
    } finally {
      this.sendingLogs = false;
    }
  }
}

const buildRefKey = ({ runId, attempt }: AttemptRef): string => `${runId}/${attempt}`;

async function waitAtMost(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    promise,
    new Promise((resolve) => (timer = setTimeout(resolve, milliseconds))),
  ]);
  clearTimeout(timer);
}
