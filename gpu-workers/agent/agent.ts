import { mkdir, rm } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { AppError, toWireError } from "@/contracts/errors";
import type { LaunchedKind } from "@/contracts/records/run-state";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { Executor } from "@/gpu-workers/jobs/context/run-context";
import { Attempt, type AttemptDependencies, type LeasedRun } from "./attempt";
import { ArtifactTransfer } from "./artifact-transfer";
import { Connection, ServerRefusal, type ConnectionTiming, type Notice } from "./connection";
import { Machine } from "@/gpu-workers/runtime/machine";
import type { CorpusReporter } from "@/gpu-workers/corpora/corpus-report";
import type { AgentLog } from "./log";
import { HeldAttempts } from "./held-attempts";
import { Refusals } from "./refusals";
import { ServiceRegistry, type ServiceStarters } from "./services";
import { TaskRunner } from "./tasks";
import { type TaskHandlers } from "@/gpu-workers/jobs/context/task-context";

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
  executors: Record<LaunchedKind, Executor>;
  taskHandlers: TaskHandlers;
  starters: ServiceStarters;
  log: AgentLog;
  /** Reads which models are installed now; without it, those of the capabilities and no more. */
  readModels?: () => Promise<WorkerRequest<"models">>;
  /** What corpora there are; without it, those of the capabilities and no more. */
  corpora?: Pick<CorpusReporter, "readState" | "buildReports">;
  /** The protocol spoken; contracts/worker-protocol.ts. */
  protocolVersion: number;
  timing?: Partial<AgentTiming>;
  connection?: Partial<ConnectionTiming>;
  reports?: AttemptDependencies["reports"];
  /** Offers the dashboard's MLflow API for a command; absent or null: this worker runs none. */
  openTracking?: AttemptDependencies["openTracking"];
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
  private readonly refusals: Refusals;
  private readonly held = new HeldAttempts();
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
  /** The models as the server knows them. */
  private models: WorkerRequest<"models">;
  private stopping: Promise<void> | null = null;
  private settle: (fatal: AppError | null) => void = () => undefined;
  /** Resolves when the agent has stopped: null after `stop`, or why it could not go on. */
  readonly finished = new Promise<AppError | null>((resolve) => (this.settle = resolve));

  constructor(private readonly options: AgentOptions) {
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.refusals = new Refusals(options.log);
    const { models, modelRoles, shapes } = options.capabilities;
    this.models = { models, modelRoles, shapes };
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
      downloadUpload: (...args) => this.artifacts.fetchUpload(...args),
      downloadCheckpoint: async (artifactId, directory, signal) => {
        const { manifest, config } = await this.connection.request(
          "artifact",
          { artifactId },
          { signal },
        );
        await this.artifacts.download(artifactId, manifest.files, directory, signal);
        return { artifactId, step: manifest.step, directory, config };
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
    for (const attempt of this.held.list())
      attempt.end({
        how: "release",
        error: new AppError("cancelled", fatal?.message ?? "The worker stops."),
      });
    const given = Promise.all([this.held.waitForAll(), this.tasks.stopAll()]);
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
      attempts: this.held.listRefs(),
      capabilities: {
        ...capabilities,
        ...this.models,
        corpora: this.corpora ?? capabilities.corpora,
      },
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
      this.held.dropExpired(terms.leaseMs, this.refusals.get("heartbeats"));
      void this.sendHeartbeat();
      void this.reportCorpora();
    });
    this.repeatEvery(
      this.timing.pollMs,
      () => void this.reportModels().then(() => this.leaseRuns()),
    );
    this.repeatEvery(this.timing.logMs, () => void this.sendLogs());
  }

  private onNotice(notice: Notice): void {
    switch (notice.type) {
      case "work":
        return void this.leaseRuns();
      case "cancel":
        return this.held.cancel(notice);
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
    return this.held.countFreeSlots(this.options.slots);
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
      openTracking: this.options.openTracking ?? null,
      services: this.services,
      executors: options.executors,
      log: options.log,
      workRoot: options.workRoot,
      reports: options.reports,
      reportCorpora: () => this.reportCorpora(),
    });
    if (this.stopping)
      attempt.end({ how: "release", error: new AppError("cancelled", "The worker stops.") });
    const done = attempt.execute().finally(() => {
      this.held.remove(attempt.ref);
      void this.leaseRuns();
    });
    this.held.add({ attempt, done, renewedAt });
  }

  private async sendHeartbeat(): Promise<void> {
    if (this.sendingHeartbeat || this.stopping) return;
    this.sendingHeartbeat = true;
    const attempts = this.held.listRefs();
    let sentAt = performance.now();
    try {
      const [usage, services] = await Promise.all([
        this.machine.measureUsage(),
        this.services.listReports(),
      ]);
      sentAt = performance.now();
      const answer = await this.connection.request(
        "heartbeat",
        { attempts, usage, services, freeSlots: this.countFreeSlots() },
        { resend: false },
      );
      this.refusals.noteTaken("heartbeats");
      this.held.applyHeartbeat(attempts, sentAt, answer);
    } catch (error) {
      // Nobody is given a run while the database is away or full, and the server renews all leases afterwards.
      if (error instanceof ServerRefusal && error.isOutage) this.held.renewLeases(attempts, sentAt);
      this.refusals.noteFailure("heartbeats", error, this.held.list());
    } finally {
      this.sendingHeartbeat = false;
    }
  }

  /** Tells the server of the corpora here, where they are not those it knows. One after another; never throws. */
  private reportCorpora(): Promise<void> {
    const { corpora } = this.options;
    if (!corpora) return Promise.resolve();
    this.reportingCorpora = this.reportingCorpora.then(async () => {
      try {
        const state = await corpora.readState();
        if (state === this.reportedCorporaState || this.stopping) return;
        const reports = await corpora.buildReports();
        await this.connection.request("corpora", { corpora: reports }, { resend: false });
        this.corpora = reports.map(({ name }) => name);
        this.reportedCorporaState = state;
        this.refusals.noteTaken("list of corpora");
      } catch (error) {
        this.refusals.noteFailure("list of corpora", error);
      }
    });
    return this.reportingCorpora;
  }

  /** Tells the server of the models here, where they are not those it knows. Never throws. */
  private async reportModels(): Promise<void> {
    const { readModels, log } = this.options;
    try {
      const found = await readModels?.();
      if (!found || isDeepStrictEqual(found, this.models)) return;
      await this.connection.request("models", found, { resend: false });
      this.models = found;
    } catch (error) {
      log.writeLocally("debug", `the models could not be reported: ${toWireError(error).message}`);
    }
  }

  private async sendLogs(): Promise<void> {
    if (this.sendingLogs) return;
    this.sendingLogs = true;
    const lines = this.options.log.takeLines();
    try {
      if (lines.length > 0)
        await this.connection.request("workerLogs", { lines }, { resend: false });
    } catch (error) {
      if (!this.refusals.noteFailure("log lines", error)) this.options.log.restoreLines(lines);
    } finally {
      this.sendingLogs = false;
    }
  }
}

async function waitAtMost(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([
    promise,
    new Promise((resolve) => (timer = setTimeout(resolve, milliseconds))),
  ]);
  clearTimeout(timer);
}
