import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { turnGainsResponseSchema } from "@/contracts/api/episodes";
import {
  taskKindSchema,
  type createTaskRequestSchema,
  type TaskDetail,
  type TaskState,
} from "@/contracts/api/tasks";
import { AppError, parseOrThrow, toWireError, type WireError } from "@/contracts/errors";
import {
  documentsResultSchema,
  queryResultSchema,
} from "@/contracts/worker-protocol/search-results";
import {
  corpusPreviewResultSchema,
  dryRunResultSchema,
  indexPlanResultSchema,
  playProgressSchema,
  playResultSchema,
  removeCorpusResultSchema,
  turnGainsResultSchema,
} from "@/contracts/worker-protocol/tasks";
import type { WorkerRequest } from "@/contracts/worker-protocol/worker-protocol";
import type { Placement } from "@/server/features/runs/placement";
import type { WorkerConnections } from "@/server/features/workers/worker-connections";
import type { Timings } from "@/server/platform/timings";
import { prepareTask, type PreparationServices } from "./prepare-task";
import {
  endRunningTask,
  insertTask,
  selectOverdueTasks,
  selectTask,
  updateTaskProgress,
} from "./queries";

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

interface TaskServices extends PreparationServices {
  workerConnections: WorkerConnections;
  placement: Placement;
  timings: Timings;
}

/** Short interactive requests that one worker answers over its connection. */
export class Tasks {
  constructor(private readonly services: TaskServices) {}

  /** Sends a task to a worker. @throws AppError with the reason where no worker that is online can do it */
  async create(
    input: z.output<typeof createTaskRequestSchema>,
    actor: string,
  ): Promise<{ taskId: string }> {
    const taskId = randomUUID();
    const { database, placement, timings, workerConnections } = this.services;
    const { request, requirements, episodeId } = await prepareTask(this.services, taskId, input);
    const worker = await placement.chooseWorker(requirements);
    const timeoutMs = timings.taskMs[request.kind];
    await database.transact(async (tx) => {
      await insertTask(tx.db, { request, actor, episodeId, workerId: worker.id, timeoutMs });
      tx.emit({
        kind: "task",
        runId: null,
        payload: { taskId, state: "running", fraction: 0, detail: "" },
      });
    });
    if (!workerConnections.send(worker.id, { type: "task", task: request })) {
      await this.endTask(taskId, "failed", {
        error: {
          code: "engine-unavailable",
          message: `Worker ${worker.name} went away. Try again.`,
        },
      });
    }
    return { taskId };
  }

  /** @throws AppError "not-found" */
  async get(id: string): Promise<TaskDetail> {
    const row = await selectTask(this.services.database.db, id);
    if (!row) throw new AppError("not-found", `There is no task ${id}.`);
    const { workerId, workerName, ...task } = row;
    return { ...task, worker: { id: workerId, name: workerName } };
  }

  /** Cancels a task that still runs. @returns its state after that */
  async cancel(id: string): Promise<{ state: TaskState }> {
    const task = await this.get(id);
    if (task.state !== "running") return { state: task.state };
    this.services.workerConnections.send(task.worker.id, { type: "cancel-task", taskId: id });
    await this.endTask(id, "cancelled", { error: { code: "cancelled", message: "Cancelled." } });
    return { state: (await this.get(id)).state };
  }

  /** The last computation of an episode's turn gains; null where there was none. */
  async readTurnGains(episodeId: string): Promise<z.infer<typeof turnGainsResponseSchema>> {
    const row = await this.services.database.db.task.findFirst({
      where: { episodeId, kind: "turn-gains" },
      orderBy: { createdAt: "desc" },
      select: { id: true },
    });
    if (!row) return null;
    const { result, partial: _partial, ...task } = await this.get(row.id);
    return {
      task,
      result: task.state === "succeeded" ? turnGainsResultSchema.parse(result) : null,
    };
  }

  /** Stores the progress of a running task, and tells the pages. */
  async recordProgress(
    workerId: string,
    { taskId, detail, fraction, partial }: WorkerRequest<"taskProgress">,
  ): Promise<void> {
    const queryTimeoutMs = this.services.timings.taskMs.query;
    const played =
      partial === undefined
        ? null
        : parseOrThrow(playProgressSchema, partial, "What was played so far");
    await this.services.database.transact(async (tx) => {
      const row = { taskId, workerId, detail, fraction, partial: played, queryTimeoutMs };
      if (await updateTaskProgress(tx.db, row))
        tx.emit({
          kind: "task",
          runId: null,
          payload: { taskId, state: "running", fraction, detail },
        });
    });
  }

  /** Stores the answer of the worker. A task that has ended meanwhile stays as it is. */
  async finish(
    workerId: string,
    { taskId, result, error }: WorkerRequest<"taskResult">,
  ): Promise<void> {
    const task = await this.services.database.db.task.findUnique({
      where: { id: taskId, workerId },
      select: { kind: true },
    });
    if (!task) throw new AppError("not-found", `Worker ${workerId} has no task ${taskId}.`);
    const kind = taskKindSchema.parse(task.kind);
    if (error)
      return this.endTask(taskId, error.code === "cancelled" ? "cancelled" : "failed", { error });
    try {
      await this.endTask(taskId, "succeeded", {
        result: parseOrThrow(RESULT_SCHEMAS[kind], result, `The worker's answer to the ${kind}`),
      });
    } catch (invalid) {
      await this.endTask(taskId, "failed", { error: toWireError(invalid) });
    }
  }

  /** Ends tasks that are past their deadline, and those of workers that went offline. */
  async endOverdue(): Promise<void> {
    const { database, timings, workerConnections } = this.services;
    for (const task of await selectOverdueTasks(database.db, timings.offlineMs)) {
      const { id, workerId, workerName, late } = task;
      workerConnections.send(workerId, { type: "cancel-task", taskId: id });
      const message = late
        ? `Worker ${workerName} did not answer in time. Look at its log, then try again.`
        : `Worker ${workerName} went offline. Try again.`;
      await this.endTask(id, "failed", { error: { code: "engine-unavailable", message } });
    }
  }

  private async endTask(
    taskId: string,
    state: Exclude<TaskState, "running">,
    outcome: { result?: unknown; error?: WireError },
  ): Promise<void> {
    await this.services.database.transact(async (tx) => {
      if (await endRunningTask(tx.db, taskId, state, outcome))
        tx.emit({
          kind: "task",
          runId: null,
          payload: {
            taskId,
            state,
            fraction: state === "succeeded" ? 1 : 0,
            detail: outcome.error?.message ?? "",
          },
        });
    });
  }
}
