import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError, parseOrThrow, toWireError } from "@/contracts/errors";
import { retrieverSchema } from "@/contracts/run-config/retriever";
import {
  documentsResultSchema,
  queryResultSchema,
  type QueryResult,
} from "@/contracts/worker-protocol/search-results";
import {
  corpusPreviewResultSchema,
  dryRunResultSchema,
  indexPlanResultSchema,
  playResultSchema,
  removeCorpusResultSchema,
  turnGainsResultSchema,
  type TaskRequest,
} from "@/contracts/worker-protocol/tasks";
import { CorpusFile } from "@/gpu-workers/corpora/file/corpus-file";
import type { TaskContext, TaskHandlers, TaskOf } from "@/gpu-workers/jobs/context/task-context";
import { parseProgress } from "@/gpu-workers/retrieval/retriever";
import type { ArtifactTransfer } from "./artifact-transfer";
import type { Connection } from "./connection";
import type { AgentLog } from "./log";
import { findAnswers, readQuestions, readStoredBaselines, saveAnswers } from "./paging";
import { HeldServices, type ServiceRegistry } from "./services";

const RESULT_SCHEMAS = {
  query: queryResultSchema,
  documents: documentsResultSchema,
  "dry-run": dryRunResultSchema,
  "index-plan": indexPlanResultSchema,
  "corpus-preview": corpusPreviewResultSchema,
  "remove-corpus": removeCorpusResultSchema,
  "turn-gains": turnGainsResultSchema,
  play: playResultSchema,
} as const;

/** How far the opening of a retriever is, for the bar; 0 where nothing is counted. */
function computeShare(detail: string): number {
  const counted = parseProgress(detail);
  return counted ? counted.done / counted.total : 0;
}

/** Searches a corpus with one query, as a person types it. */
export async function runQuery(task: TaskOf<"query">, context: TaskContext): Promise<unknown> {
  const config = parseOrThrow(retrieverSchema, task.retriever, "Retriever");
  const requestedAt = performance.now();
  const handle = await context.services.acquireRetriever(
    task.corpus,
    config,
    context.signal,
    (detail) => context.reportProgress(detail, computeShare(detail)),
  );
  try {
    const started = performance.now();
    const [documents = []] = await handle.value.search([task.query], task.k, context.signal);
    const seconds = (performance.now() - started) / 1000;
    const { title, documents: size } = handle.value.describe();
    const result: QueryResult = {
      documents: documents.map(({ id, title, text, score }) => ({ id, title, text, score })),
      seconds,
      openSeconds: (started - requestedAt) / 1000,
      retriever: { title, documents: size },
    };
    return result;
  } finally {
    handle.release();
  }
}

/** Reads documents of a corpus by their ids; those that it does not have are left out. */
export const createDocumentReader =
  (findCorpus: (corpus: string) => string) =>
  async (task: TaskOf<"documents">, { signal }: TaskContext): Promise<unknown> => {
    const corpus = await CorpusFile.open(findCorpus(task.corpus), signal);
    try {
      const rows = task.ids
        .map((id) => corpus.findRow(id))
        .filter((row): row is number => row !== undefined);
      return {
        documents: (await corpus.readRows(rows)).map(({ id, title, text }) => ({
          id,
          title,
          text,
        })),
      };
    } finally {
      await corpus.close();
    }
  };

export interface TaskDependencies {
  connection: Pick<Connection, "request">;
  services: ServiceRegistry;
  handlers: TaskHandlers;
  log: AgentLog;
  workRoot: string;
  reportCorpora(): Promise<void>;
  downloadCheckpoint(
    artifactId: string,
    directory: string,
    signal: AbortSignal,
  ): ReturnType<TaskContext["fetchCheckpoint"]>;
  downloadUpload: ArtifactTransfer["fetchUpload"];
}

/** The tasks that this worker is doing, each on its own. */
export class TaskRunner {
  private readonly running = new Map<string, { abort: AbortController; done: Promise<void> }>();

  constructor(private readonly deps: TaskDependencies) {}

  /** Starts a task; its result or its error goes to the server. A task that already runs is not started twice. */
  start(task: TaskRequest): void {
    if (this.running.has(task.taskId)) return;
    const abort = new AbortController();
    const done = this.execute(task, abort.signal).finally(() => this.running.delete(task.taskId));
    this.running.set(task.taskId, { abort, done });
  }

  cancel(taskId: string): void {
    this.running.get(taskId)?.abort.abort(new AppError("cancelled", "The task was cancelled."));
  }

  async stopAll(): Promise<void> {
    for (const { abort } of this.running.values())
      abort.abort(new AppError("cancelled", "The worker stops."));
    await Promise.all([...this.running.values()].map((task) => task.done));
  }

  /** Never throws. */
  private async execute(task: TaskRequest, signal: AbortSignal): Promise<void> {
    const { connection, log } = this.deps;
    const { taskId } = task;
    const services = new HeldServices(this.deps.services);
    const workDir = join(this.deps.workRoot, `task-${taskId}`);
    const ask: Connection["request"] = (method, params) =>
      connection.request(method, params, { signal });
    const context: TaskContext = {
      signal,
      services,
      workDir,
      reportProgress: (detail, fraction, partial) =>
        void ask("taskProgress", {
          taskId,
          detail,
          fraction: Math.min(1, Math.max(0, fraction)),
          partial,
        }).catch(() => undefined),
      readQuestions: (set) => readQuestions(ask, set),
      readStoredBaselines: (runs) => readStoredBaselines(ask, runs),
      findAnswers: (keys) => findAnswers(ask, keys),
      saveAnswers: (answers) => saveAnswers(ask, answers),
      closeRetrievers: (corpus) => this.deps.services.closeRetrievers(corpus),
      reportCorpora: () => this.deps.reportCorpora(),
      fetchUpload: (upload, path, onProgress) =>
        this.deps.downloadUpload(upload, path, signal, onProgress),
      fetchCheckpoint: async (artifactId) => {
        const directory = join(workDir, `artifact-${artifactId}`);
        return this.deps.downloadCheckpoint(artifactId, directory, signal);
      },
    };
    let outcome: { result: unknown } | { error: ReturnType<typeof toWireError> };
    try {
      await mkdir(workDir, { recursive: true });
      outcome = {
        result: parseOrThrow(
          RESULT_SCHEMAS[task.kind],
          await this.handle(task, context),
          `Result of ${task.kind}`,
        ),
      };
    } catch (error) {
      if (!signal.aborted)
        log.write(
          "warn",
          `task ${task.kind} failed: ${error instanceof AppError ? error.message : ((error as Error).stack ?? String(error))}`,
        );
      outcome = { error: toWireError(signal.aborted ? signal.reason : error) };
    } finally {
      services.releaseAll();
      await rm(workDir, { recursive: true, force: true }).catch(() => undefined);
    }
    await connection
      .request("taskResult", { taskId, ...outcome })
      .catch((error: unknown) =>
        log.write(
          "warn",
          `the result of task ${taskId} could not be delivered: ${toWireError(error).message}`,
        ),
      );
  }

  private handle(task: TaskRequest, context: TaskContext): Promise<unknown> {
    const { handlers } = this.deps;
    switch (task.kind) {
      case "query":
        return handlers.query(task, context);
      case "documents":
        return handlers.documents(task, context);
      case "dry-run":
        return handlers["dry-run"](task, context);
      case "index-plan":
        return handlers["index-plan"](task, context);
      case "corpus-preview":
        return handlers["corpus-preview"](task, context);
      case "remove-corpus":
        return handlers["remove-corpus"](task, context);
      case "turn-gains":
        return handlers["turn-gains"](task, context);
      case "play":
        return handlers.play(task, context);
    }
  }
}
