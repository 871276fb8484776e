import type { Answer } from "@/contracts/records/episode";
import type { TaskRequest } from "@/contracts/worker-protocol/tasks";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { AttemptContext } from "@/gpu-workers/runtime/attempt-context";
import type { FetchOptions } from "@/gpu-workers/corpora/import/fetch-source";
import type { Services } from "./run-context";

/** All that a task may do to the world. It holds no lease: it reads, computes, and may add answers to the store. */
export interface TaskContext {
  readonly signal: AbortSignal;
  readonly services: Services;
  /** Scratch folder of this task; deleted when it ends. */
  readonly workDir: string;
  /** Says what is being done; `fraction` is 0..1, `partial` what there is of the result. */
  reportProgress: (detail: string, fraction: number, partial?: unknown) => void;
  readQuestions(set: string): Promise<Question[]>;
  readStoredBaselines: AttemptContext["readStoredBaselines"];
  findAnswers(keys: string[]): Promise<Map<string, Answer>>;
  saveAnswers(answers: Answer[]): Promise<void>;
  /** Downloads a checkpoint by its artifact id. */
  fetchCheckpoint: AttemptContext["fetchCheckpoint"];
  /** Downloads a file that a person uploaded to the server. */
  fetchUpload: FetchOptions["fetchUpload"];
  /** Closes the idle retrievers of a corpus. @throws AppError `conflict` where a run or task holds one */
  closeRetrievers(corpus: string): Promise<void>;
  /** Tells the server what corpora and indexes are here now. */
  reportCorpora(): Promise<void>;
  /** Absent: stored API keys are given to runs, which hold a lease, not to tasks. */
  readEndpointKey?(name: string, endpoint: string): Promise<string>;
}

export type TaskOf<K extends TaskRequest["kind"]> = Extract<TaskRequest, { kind: K }>;
/** What each kind of task does; gives the result that contracts/worker-protocol.ts names for it. */
export type TaskHandlers = {
  [K in TaskRequest["kind"]]: (task: TaskOf<K>, context: TaskContext) => Promise<unknown>;
};
