import type { Answer } from "@/contracts/records/episode";
import type { RunConfig } from "@/contracts/run-config/run-config";
import type { WorkerResponse } from "@/contracts/worker-protocol/worker-protocol";
import type { StoredBaseline, StoredVerdict } from "@/contracts/worker-protocol/stored-results";
import type { Question } from "@/contracts/worker-protocol/questions";
import type {
  LogLine,
  PreflightItem,
  Progress,
  ReportItem,
} from "@/contracts/worker-protocol/reports";

/** A checkpoint on this worker's disk. */
export interface LocalCheckpoint {
  artifactId: string;
  step: number;
  directory: string;
}

/** Where the command of a run reports. */
export interface CommandTracking {
  /** Of this machine's loopback. */
  address: string;
  /** For other machines, with the token that they must show; null: they reach none. */
  outside: { address: string; token: string } | null;
  close(): Promise<void>;
}

/** What may be asked of a run while a worker has it. */
export interface RunRequests {
  pause: boolean;
  /** Steps that a training run makes in total; null: as many as its configuration says. */
  steps: number | null;
}

/**
 * What an attempt may read from and tell the server. The agent implements it over the worker
 * protocol; tests implement it over memory. Every call fails with AppError "stale-attempt" once the lease is lost.
 */
export interface AttemptContext {
  readonly runId: string;
  readonly attempt: number;
  readonly config: RunConfig;
  /** Where to go on, when an earlier attempt (or a person's resume) left a committed checkpoint. */
  readonly resume: LocalCheckpoint | null;
  /** Scratch folder of this attempt; deleted when it ends. */
  readonly workDir: string;
  /** Aborted when the run is cancelled or the lease is lost. */
  readonly signal: AbortSignal;
  /** Whether whoever started this worker lets it run commands. */
  readonly allowsCommands: boolean;

  /** What a person has asked of the run since it was leased. Training reads it between steps. */
  readonly requests: Readonly<RunRequests>;
  /** Ends the attempt as paused, once what the run goes on from is stored. */
  pause(): void;

  /** Queues an item for the server; order is kept, delivery is exactly once. Resolves when queued (backpressure). */
  report(item: ReportItem): Promise<void>;
  /** Resolves when everything reported so far is stored. */
  flush(): Promise<void>;
  reportProgress(progress: Progress): Promise<void>;
  reportPreflight(items: PreflightItem[]): Promise<void>;
  log(level: LogLine["level"], message: string): void;
  /** preparing -> running, once preflight is through. */
  markRunning(): Promise<void>;

  /** A whole question set. */
  readQuestions(set: string): Promise<Question[]>;
  findAnswers(keys: string[]): Promise<Map<string, Answer>>;
  saveAnswers(answers: Answer[]): Promise<void>;
  /** Questions of a predict run that are stored already (of `runId`, by default this one) -> documents handed over. */
  readAnsweredQuestions(runId?: string): Promise<Map<string, number>>;
  /** Questions of this evaluate run that are stored already -> ranks of the gold documents that were found. */
  readRankedQuestions(): Promise<Map<string, number[]>>;
  /** Questions that this predict run has stored with a score, by any attempt, and the sum of their scores. */
  readStoredAccuracy(): Promise<{ scored: number; sum: number }>;
  /** What the runs of a setting (`rl.ragRuns`) have answered, with all scores of each answer. */
  readStoredBaselines(runs: string): Promise<StoredBaseline[]>;
  /** Stored episodes of a predict run for these questions, with the texts they hand over. */
  readStoredEpisodes(
    runId: string,
    questionIds: string[],
  ): Promise<WorkerResponse<"storedEpisodes">>;
  /** Episodes that any predict run has stored under these keys, with their answers and the texts they name. */
  findEpisodes(keys: string[]): Promise<WorkerResponse<"findEpisodes">>;
  /** What the judge of this scorer has said of these answers to this run's questions. */
  findVerdicts(
    questions: string,
    scorer: string,
    answers: { key: string; questionId: string }[],
  ): Promise<StoredVerdict[]>;
  /**
   * Uploads every file of `directory` (flat) and commits it under the fence; only then is the checkpoint visible.
   * Where it cannot be stored (a full disk), that is logged, the last good one stays and the run goes on: the call
   * resolves. A run whose last checkpoint could not be stored fails with the reason when its executor returns.
   * Stored or not, the folder is deleted.
   * @returns whether it is stored
   */
  commitCheckpoint(
    directory: string,
    step: number,
    metadata: Record<string, unknown>,
  ): Promise<boolean>;
  /**
   * Says that a checkpoint could not be written on this worker, with what follows for one that cannot be stored.
   * @throws `error` itself where it is neither a full disk nor a failure that may pass
   */
  skipCheckpoint(step: number, error: unknown): void;
  /** Downloads a file that was uploaded to the server; goes on where an earlier attempt stopped. */
  fetchUpload(
    upload: string,
    path: string,
    onProgress: (done: number, total: number | null) => void,
  ): Promise<void>;
  /** Tells the server of a corpus that this run has brought to the worker, so that other runs may use it. */
  reportCorpora(): Promise<void>;
  /** A stored API key for this endpoint; given to the attempt that holds the run, for keys that its configuration names. Never log it. */
  readEndpointKey(name: string, endpoint: string): Promise<string>;
  /**
   * Offers the dashboard's MLflow API on this machine's loopback, for the command of this run.
   * @param isJob also where jobs on other machines reach it, if this worker names an address for that
   */
  openTracking(isJob: boolean): Promise<CommandTracking>;
  /** Downloads a checkpoint by its artifact id. */
  fetchCheckpoint(artifactId: string): Promise<LocalCheckpoint & { config: RunConfig }>;
}
