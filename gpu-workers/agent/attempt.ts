import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Answer } from "@/contracts/records/episode";
import { AppError, toWireError, type ErrorCode } from "@/contracts/errors";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { LaunchedKind } from "@/contracts/records/run-state";
import type { WorkerRequest, WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { StoredBaseline, StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import type { Question } from "@/contracts/worker-protocol/questions";
import type {
  LogLine,
  PreflightItem,
  Progress,
  ReportItem,
} from "@/contracts/worker-protocol/reports";
import type { AttemptRef } from "@/contracts/worker-protocol/attempt";
import type { Executor, RunContext } from "@/gpu-workers/jobs/context/run-context";
import type {
  CommandTracking,
  LocalCheckpoint,
  RunRequests,
} from "@/gpu-workers/runtime/attempt-context";
import type { ArtifactTransfer } from "./artifact-transfer";
import type { Connection } from "./connection";
import type { AgentLog } from "./log";
import {
  readAnsweredQuestions,
  readQuestions,
  readRankedQuestions,
  readStoredBaselines,
  findAnswers,
  saveAnswers,
} from "./paging";
import { ReportQueue, type ReportQueueOptions } from "./report-queue";
import { HeldServices, type ServiceRegistry } from "./services";

export type LeasedRun = NonNullable<WorkerResponse<"lease">["run"]>;

export interface AttemptDependencies {
  connection: Pick<Connection, "request">;
  artifacts: ArtifactTransfer;
  services: ServiceRegistry;
  executors: Record<LaunchedKind, Executor>;
  log: AgentLog;
  /** Scratch folders of this worker's attempts are made in it. */
  workRoot: string;
  /** Tells the server what corpora there are now. */
  reportCorpora: () => Promise<void>;
  /** Offers the dashboard's MLflow API for the command of a run; null: this worker runs no commands. */
  openTracking: ((runId: string, isJob: boolean) => Promise<CommandTracking>) | null;
  reports?: Partial<Pick<ReportQueueOptions, "lingerMs" | "retryPausesMs">>;
}

/**
 * Why an attempt ends before its executor has finished. cancel, pause: a person wants it; lost: the server gave the run away;
 * release: this worker gives it back to be resumed; fail: trying again would not help.
 */
export type Ending = { how: "cancel" | "pause" | "lost" | "release" | "fail"; error: AppError };

/** A checkpoint that could not be stored for these reasons leaves the last good one in place, and the run goes on. */
const SURVIVABLE_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["storage-full", "internal"]);

/** One leased run on this worker, from the lease to its end. Everything it says to the server carries the attempt. */
export class Attempt implements RunContext {
  readonly runId: string;
  readonly attempt: number;
  readonly config: RunConfig;
  readonly kind: LaunchedKind;
  readonly workDir: string;
  readonly signal: AbortSignal;
  readonly services: HeldServices;
  readonly requests: RunRequests = { pause: false, steps: null };
  resume: LocalCheckpoint | null = null;

  /** Stops the executor. */
  private readonly stop = new AbortController();
  /** Stops everything that speaks for this attempt: the lease is lost. */
  private readonly silence = new AbortController();
  private readonly reports: ReportQueue;
  private ending: Ending | null = null;
  /** Why the latest checkpoint is not stored, where it is not. */
  private checkpointFailure: AppError | null = null;

  constructor(
    private readonly leased: LeasedRun,
    private readonly deps: AttemptDependencies,
  ) {
    this.runId = leased.runId;
    this.attempt = leased.attempt;
    this.config = leased.config;
    this.kind = leased.kind;
    this.workDir = join(deps.workRoot, `${leased.runId}-${leased.attempt}`);
    this.signal = this.stop.signal;
    this.services = new HeldServices(deps.services, (error) => this.end({ how: "release", error }));
    this.reports = new ReportQueue({
      ...deps.reports,
      send: async (sequence, items) => {
        await this.request("report", { ...this.ref, sequence, items });
      },
      onFailed: (error) => this.end({ how: chooseQueueEnding(error), error }),
    });
  }

  get ref(): AttemptRef {
    return { runId: this.runId, attempt: this.attempt };
  }

  /** The server gave the run away: its heartbeats name it no more. */
  get lost(): boolean {
    return this.ending?.how === "lost";
  }

  /** Ends the attempt before its time. The first reason counts, except that a lost lease overrules the others. */
  end(ending: Ending): void {
    if (this.ending?.how === "lost" || (this.ending && ending.how !== "lost")) return;
    this.ending = ending;
    if (ending.how === "lost") {
      this.silence.abort(ending.error);
      this.reports.fail(ending.error);
    }
    this.stop.abort(ending.error);
  }

  /** Asks the run to pause. What is no training stores its results as it goes, so it can stop at once. */
  requestPause(): void {
    this.requests.pause = true;
    if (this.kind !== "train") this.pause();
  }

  /** Executes the run and tells the server how it ended. Never throws. */
  async execute(): Promise<void> {
    const { log } = this.deps;
    log.write("info", `run ${this.runId} attempt ${this.attempt} (${this.kind}) starts`);
    try {
      await this.reportTransition("preparing", null);
      await mkdir(this.workDir, { recursive: true });
      if (this.leased.resume) this.resume = await this.fetchResume(this.leased.resume);
      this.signal.throwIfAborted();
      await this.deps.executors[this.kind](this);
      await this.reports.flush();
      if (this.checkpointFailure)
        throw new AppError(
          this.checkpointFailure.code,
          `Finished, but the last checkpoint could not be stored: ${this.checkpointFailure.message} The one before it is kept; free some space and resume the run.`,
        );
      if (!this.ending) await this.reportTransition("succeeded", null);
      else await this.reportEnding(this.ending.error);
    } catch (error) {
      await this.reportEnding(error);
    } finally {
      this.services.releaseAll();
      this.stop.abort(new AppError("cancelled", "The attempt is over."));
      await rm(this.workDir, { recursive: true, force: true }).catch((error: unknown) =>
        log.write("warn", `${this.workDir} could not be deleted: ${toWireError(error).message}`),
      );
    }
  }

  // --- RunContext -----------------------------------------------------------------------------------------------

  pause(): void {
    this.end({ how: "pause", error: new AppError("cancelled", "Paused on request.") });
  }
  report(item: ReportItem): Promise<void> {
    return this.reports.push(item);
  }
  flush(): Promise<void> {
    return this.reports.flush();
  }
  reportProgress(progress: Progress): Promise<void> {
    return this.reports.push({ kind: "progress", progress });
  }
  reportPreflight(items: PreflightItem[]): Promise<void> {
    return this.reports.push({ kind: "preflight", items });
  }
  log(level: LogLine["level"], message: string): void {
    this.writeLog(level, this.kind, message);
  }
  async markRunning(): Promise<void> {
    await this.reports.flush();
    await this.reportTransition("running", null);
  }

  readQuestions(set: string): Promise<Question[]> {
    return readQuestions(this.ask, set, this.runId);
  }
  findAnswers(keys: string[]): Promise<Map<string, Answer>> {
    return findAnswers(this.ask, keys);
  }
  saveAnswers(answers: Answer[]): Promise<void> {
    return saveAnswers(this.ask, answers);
  }
  async readEndpointKey(name: string, endpoint: string): Promise<string> {
    const { runId, attempt } = this;
    return (await this.ask("endpointKey", { runId, attempt, name, endpoint })).key;
  }
  readAnsweredQuestions(runId = this.runId): Promise<Map<string, number>> {
    return readAnsweredQuestions(this.ask, runId);
  }
  readRankedQuestions(): Promise<Map<string, number[]>> {
    return readRankedQuestions(this.ask, this.runId);
  }

  readStoredAccuracy(): Promise<{ scored: number; sum: number }> {
    return this.ask("storedAccuracy", { runId: this.runId });
  }
  readStoredBaselines(runs: string): Promise<StoredBaseline[]> {
    return readStoredBaselines(this.ask, runs);
  }
  readStoredEpisodes(
    runId: string,
    questionIds: string[],
  ): Promise<WorkerResponse<"storedEpisodes">> {
    return this.ask("storedEpisodes", { runId, questionIds });
  }
  findEpisodes(keys: string[]): Promise<WorkerResponse<"findEpisodes">> {
    return this.ask("findEpisodes", { keys });
  }
  async findVerdicts(
    questions: string,
    scorer: string,
    answers: { key: string; questionId: string }[],
  ): Promise<StoredVerdict[]> {
    return (await this.ask("findVerdicts", { runId: this.runId, questions, scorer, answers }))
      .verdicts;
  }

  async commitCheckpoint(
    directory: string,
    step: number,
    metadata: Record<string, unknown>,
  ): Promise<boolean> {
    // What the checkpoint stands for must be stored before it: whoever resumes from it finds the curve up to its step.
    await this.reports.flush();
    try {
      const { id, files } = await this.deps.artifacts.upload(this.ref, directory, this.signal);
      await this.request(
        "commitArtifact",
        { ...this.ref, manifest: { id, kind: "checkpoint", step, files, metadata } },
        this.signal,
      );
      this.checkpointFailure = null;
      return true;
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof AppError && error.code === "stale-attempt")
        this.end({ how: "lost", error });
      this.skipCheckpoint(step, error);
      return false;
    } finally {
      // A long run would else fill the worker's disk with what the server keeps, or with what it has no room for.
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  skipCheckpoint(step: number, error: unknown): void {
    if (!(error instanceof AppError) || !SURVIVABLE_CODES.has(error.code)) throw error;
    this.checkpointFailure = error;
    this.writeLog(
      "error",
      "agent",
      `The checkpoint after step ${step} could not be stored; the last good one stays. ${error.message}`,
    );
  }

  get allowsCommands(): boolean {
    return this.deps.openTracking !== null;
  }
  async openTracking(isJob: boolean): Promise<CommandTracking> {
    if (this.deps.openTracking === null)
      throw new AppError("unsupported", "This worker runs no commands.");
    return this.deps.openTracking(this.runId, isJob);
  }

  fetchUpload(
    upload: string,
    path: string,
    onProgress: (done: number, total: number | null) => void,
  ): Promise<void> {
    return this.deps.artifacts.fetchUpload(upload, path, this.signal, onProgress);
  }
  reportCorpora(): Promise<void> {
    return this.deps.reportCorpora();
  }

  async fetchCheckpoint(artifactId: string): Promise<LocalCheckpoint & { config: RunConfig }> {
    const { manifest, config } = await this.ask("artifact", { artifactId });
    const directory = join(this.workDir, `artifact-${artifactId}`);
    await this.deps.artifacts.download(artifactId, manifest.files, directory, this.signal);
    return { artifactId, step: manifest.step, directory, config };
  }

  // --------------------------------------------------------------------------------------------------------------

  /** A request whose answer the executor waits for: ends with the run. */
  private readonly ask: Connection["request"] = (method, params) =>
    this.deps.connection.request(method, params, { signal: this.signal });

  /** A request that speaks for the attempt: goes out for as long as the lease is held, cancelled or not. */
  private async request<M extends "report" | "transition" | "commitArtifact">(
    method: M,
    params: WorkerRequest<M>,
    signal: AbortSignal = this.silence.signal,
  ): Promise<void> {
    try {
      await this.deps.connection.request(method, params, { signal });
    } catch (error) {
      if (error instanceof AppError && error.code === "stale-attempt")
        this.end({ how: "lost", error });
      throw error;
    }
  }

  private reportTransition(
    to: WorkerRequest<"transition">["to"],
    reason: string | null,
  ): Promise<void> {
    return this.request("transition", {
      ...this.ref,
      to,
      reason: reason === null ? null : reason.slice(0, 10_000),
    });
  }

  private async fetchResume({
    artifactId,
    step,
    files,
  }: NonNullable<LeasedRun["resume"]>): Promise<LocalCheckpoint> {
    const directory = join(this.workDir, "resume");
    this.writeLog("info", "agent", `Resuming from the checkpoint after step ${step}.`);
    await this.deps.artifacts.download(artifactId, files, directory, this.signal);
    return { artifactId, step, directory };
  }

  /** Says how the attempt ended when its executor did not finish. Without a lease there is nothing to say. */
  private async reportEnding(error: unknown): Promise<void> {
    const ending = this.ending;
    const { to, reason } = toFinalTransition(ending, error);
    if (ending?.how === "lost")
      return this.deps.log.write(
        "warn",
        `run ${this.runId} attempt ${this.attempt} is dropped: ${reason}`,
      );
    if (to === "failed") this.writeLog("error", "agent", describeFailure(error));
    else if (to === "queued")
      this.writeLog("warn", "agent", `The worker gives the run back: ${reason}`);
    try {
      await this.reports
        .flush()
        .catch((failure: unknown) =>
          this.deps.log.write(
            "warn",
            `last reports of run ${this.runId} are lost: ${toWireError(failure).message}`,
          ),
        );
      await this.reportTransition(to, reason);
      this.deps.log.write(
        "info",
        `run ${this.runId} attempt ${this.attempt} ended: ${to}${reason ? ` (${reason})` : ""}`,
      );
    } catch (failure) {
      this.deps.log.write(
        "warn",
        `the end of run ${this.runId} (${to}) could not be reported: ${toWireError(failure).message}`,
      );
    }
  }

  /** Writes a line to the run's log without waiting. */
  private writeLog(level: LogLine["level"], source: string, message: string): void {
    this.deps.log.writeLocally(level, `run ${this.runId}: ${message}`);
    try {
      this.reports.add({
        kind: "logs",
        lines: [{ at: Date.now(), level, source, message: message.slice(0, 10_000) }],
      });
    } catch {
      // The queue has failed, which ends the attempt; its local log has the line.
    }
  }
}

/** What to tell the server about an attempt that did not finish. */
function toFinalTransition(
  ending: Ending | null,
  error: unknown,
): { to: "cancelled" | "paused" | "queued" | "failed"; reason: string } {
  if (ending?.how === "cancel") return { to: "cancelled", reason: ending.error.message };
  if (ending?.how === "pause") return { to: "paused", reason: ending.error.message };
  if (ending && ending.how !== "fail") return { to: "queued", reason: ending.error.message };
  const cause = ending?.error ?? error;
  const { message } = toWireError(cause);
  return {
    to: "failed",
    reason: cause instanceof AppError ? message : `Internal error: ${message}`,
  };
}

/** A server whose disk was full may store later, so the run is given back; what it refuses, it refuses again. */
function chooseQueueEnding({ code }: AppError): Ending["how"] {
  if (code === "stale-attempt") return "lost";
  return code === "storage-full" ? "release" : "fail";
}

/** For the run's log: defects with their stack, expected failures by their message. */
function describeFailure(error: unknown): string {
  if (error instanceof AppError && error.code !== "internal") return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
