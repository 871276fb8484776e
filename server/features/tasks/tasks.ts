import { randomUUID } from "node:crypto";
import type { z } from "zod";
import { searchesLocally } from "@/contracts/run-config/retriever";
import { AppError, parseOrThrow, toWireError, type WireError } from "@/contracts/errors";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import {
  documentsResultSchema,
  dryRunResultSchema,
  indexPlanResultSchema,
  queryResultSchema,
  removeCorpusResultSchema,
  taskRequestSchema,
  turnGainsResultSchema,
  type TaskRequest,
  type WorkerRequest,
} from "@/contracts/worker-protocol/worker-protocol";
import type { createTaskRequestSchema, TaskDetail, TaskState } from "@/contracts/api/tasks";
import type { turnGainsResponseSchema } from "@/contracts/api/episodes";
import type { Corpora } from "@/server/features/corpora/corpora";
import { DEFAULT_PROJECT, type Database } from "@/server/platform/db/database";
import { toJson } from "@/server/platform/db/json";
import type { Episodes } from "@/server/features/episodes/episodes";
import type { Launcher } from "@/server/features/runs/launcher";
import { needsOf, type Needs } from "@/server/features/runs/needs";
import type { Timings } from "@/server/platform/timings";
import type { Hub } from "@/server/features/workers/hub";
import { turnContexts } from "./turn-contexts";

const RESULT = {
  query: queryResultSchema,
  documents: documentsResultSchema,
  "dry-run": dryRunResultSchema,
  "index-plan": indexPlanResultSchema,
  "remove-corpus": removeCorpusResultSchema,
  "turn-gains": turnGainsResultSchema,
} as const;

interface TaskRow extends Omit<TaskDetail, "worker"> {
  workerId: string;
  workerName: string;
}

/** Short interactive requests that one worker answers over its connection. */
export class Tasks {
  constructor(
    private readonly database: Database,
    private readonly hub: Hub,
    private readonly episodes: Episodes,
    private readonly launcher: Launcher,
    private readonly corpora: Corpora,
    private readonly timings: Timings,
  ) {}

  /** @throws AppError with the reason where no worker that is online can do it */
  async create(
    input: z.output<typeof createTaskRequestSchema>,
    actor: string,
  ): Promise<{ taskId: string }> {
    const taskId = randomUUID();
    const { request, needs, episodeId } = await this.requestOf(taskId, input);
    const worker = await this.launcher.pickWorker(needs);
    const deadline = this.timings.taskMs[request.kind];
    await this.database.transact(async (tx) => {
      await tx.db.$executeRaw`
        INSERT INTO tasks (id, project_id, created_by, created_at, kind, episode_id, worker_id, request, state, deadline)
        VALUES (${taskId}::uuid, ${DEFAULT_PROJECT}::uuid, ${actor}, clock_timestamp(), ${request.kind}, ${episodeId}::uuid, ${worker.id}::uuid, ${toJson(request)}::jsonb, 'running',
          clock_timestamp() + ${deadline} * interval '1 millisecond')`;
      tx.emit({
        kind: "task",
        runId: null,
        payload: { taskId, state: "running", fraction: 0, detail: "" },
      });
    });
    if (!this.hub.send(worker.id, { type: "task", task: request })) {
      await this.end(taskId, "failed", {
        error: {
          code: "engine-unavailable",
          message: `Worker ${worker.name} went away. Try again.`,
        },
      });
    }
    return { taskId };
  }

  async get(id: string): Promise<TaskDetail> {
    const [row] = await this.database.db.$queryRaw<TaskRow[]>`
      SELECT t.id, t.kind, t.state, t.worker_id AS "workerId", w.name AS "workerName", t.detail, t.fraction, t.created_at AS "createdAt", t.ended_at AS "endedAt", t.error, t.result
      FROM tasks t JOIN workers w ON w.id = t.worker_id WHERE t.id = ${id}::uuid`;
    if (!row) throw new AppError("not-found", `There is no task ${id}.`);
    const { workerId, workerName, ...task } = row;
    return { ...task, worker: { id: workerId, name: workerName } };
  }

  async cancel(id: string): Promise<{ state: TaskState }> {
    const task = await this.get(id);
    if (task.state !== "running") return { state: task.state };
    this.hub.send(task.worker.id, { type: "cancel-task", taskId: id });
    await this.end(id, "cancelled", { error: { code: "cancelled", message: "Cancelled." } });
    return { state: (await this.get(id)).state };
  }

  /** The last computation of an episode's turn gains. */
  async turnGains(episodeId: string): Promise<z.infer<typeof turnGainsResponseSchema>> {
    const [row] = await this.database.db.$queryRaw<
      { id: string }[]
    >`SELECT id FROM tasks WHERE episode_id = ${episodeId}::uuid AND kind = 'turn-gains' ORDER BY created_at DESC LIMIT 1`;
    if (!row) return null;
    const { result, ...task } = await this.get(row.id);
    return {
      task,
      result: task.state === "succeeded" ? turnGainsResultSchema.parse(result) : null,
    };
  }

  async progress(
    workerId: string,
    { taskId, detail, fraction }: WorkerRequest<"taskProgress">,
  ): Promise<void> {
    await this.database.transact(async (tx) => {
      // An index that is being built takes as long as it takes: a query is late only when nothing is heard of it.
      const changed = await tx.db.$executeRaw`
        UPDATE tasks SET detail = ${detail}, fraction = ${fraction}, deadline = CASE WHEN kind = 'query' THEN greatest(deadline, clock_timestamp() + ${this.timings.taskMs.query} * interval '1 millisecond') ELSE deadline END
        WHERE id = ${taskId}::uuid AND worker_id = ${workerId}::uuid AND state = 'running'`;
      if (changed > 0)
        tx.emit({
          kind: "task",
          runId: null,
          payload: { taskId, state: "running", fraction, detail },
        });
    });
  }

  /** What the worker answers. A task that has ended meanwhile stays as it is. */
  async finish(
    workerId: string,
    { taskId, result, error }: WorkerRequest<"taskResult">,
  ): Promise<void> {
    const [task] = await this.database.db.$queryRaw<
      { kind: keyof typeof RESULT }[]
    >`SELECT kind FROM tasks WHERE id = ${taskId}::uuid AND worker_id = ${workerId}::uuid`;
    if (!task) throw new AppError("not-found", `Worker ${workerId} has no task ${taskId}.`);
    if (error)
      return this.end(taskId, error.code === "cancelled" ? "cancelled" : "failed", { error });
    try {
      await this.end(taskId, "succeeded", {
        result: parseOrThrow(RESULT[task.kind], result, `The worker's answer to the ${task.kind}`),
      });
    } catch (invalid) {
      await this.end(taskId, "failed", { error: toWireError(invalid) });
    }
  }

  /** Ends tasks that are past their deadline, and those of workers that went offline. */
  async sweep(): Promise<void> {
    const due = await this.database.db.$queryRaw<
      { id: string; workerId: string; name: string; late: boolean }[]
    >`
      SELECT t.id, t.worker_id AS "workerId", w.name, t.deadline <= clock_timestamp() AS late FROM tasks t JOIN workers w ON w.id = t.worker_id
      WHERE t.state = 'running' AND (t.deadline <= clock_timestamp() OR (w.state = 'offline' AND w.last_seen_at < clock_timestamp() - ${this.timings.offlineMs} * interval '1 millisecond'))`;
    for (const { id, workerId, name, late } of due) {
      this.hub.send(workerId, { type: "cancel-task", taskId: id });
      const message = late
        ? `Worker ${name} did not answer in time. Look at its log, then try again.`
        : `Worker ${name} went offline. Try again.`;
      await this.end(id, "failed", { error: { code: "engine-unavailable", message } });
    }
  }

  private async end(
    taskId: string,
    state: Exclude<TaskState, "running">,
    outcome: { result?: unknown; error?: WireError },
  ): Promise<void> {
    await this.database.transact(async (tx) => {
      const changed = await tx.db.$executeRaw`
        UPDATE tasks SET state = ${state}, ended_at = clock_timestamp(), fraction = CASE WHEN ${state} = 'succeeded' THEN 1 ELSE fraction END,
          result = ${outcome.result === undefined ? null : toJson(outcome.result)}::jsonb, error = ${outcome.error ? toJson(outcome.error) : null}::jsonb
        WHERE id = ${taskId}::uuid AND state = 'running'`;
      if (changed > 0)
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

  private async requestOf(
    taskId: string,
    input: z.output<typeof createTaskRequestSchema>,
  ): Promise<{ request: TaskRequest; needs: Needs; episodeId: string | null }> {
    switch (input.kind) {
      case "query": {
        const { corpus, retriever, query, k, workerId } = input;
        const needs: Needs = {
          slot: "light",
          models: [],
          corpora: searchesLocally(retriever) ? [corpus] : [],
          worker: workerId ?? null,
        };
        return {
          request: { taskId, kind: "query", corpus, retriever, query, k },
          needs,
          episodeId: null,
        };
      }
      case "documents": {
        const { corpus, ids } = input;
        return {
          request: { taskId, kind: "documents", corpus, ids },
          needs: { slot: "light", models: [], corpora: [corpus], worker: null },
          episodeId: null,
        };
      }
      case "dry-run": {
        const config = parseOrThrow(runConfigSchema, input.config, "The configuration");
        if (config.kind !== "train")
          throw new AppError(
            "unsupported",
            "A dry run rehearses training; this configuration is of another kind.",
          );
        await this.launcher.requireReferences(config);
        return {
          request: { taskId, kind: "dry-run", config },
          needs: needsOf(config),
          episodeId: null,
        };
      }
      case "index-plan": {
        const { corpus, passages = null, retriever, worker = null } = input;
        return {
          request: { taskId, kind: "index-plan", corpus, passages, retriever },
          needs: { slot: "light", models: [], corpora: passages === null ? [corpus] : [], worker },
          episodeId: null,
        };
      }
      case "remove-corpus": {
        const { corpus, workerId } = input;
        await this.corpora.requireUnused(corpus);
        return {
          request: { taskId, kind: "remove-corpus", corpus },
          needs: { slot: "light", models: [], corpora: [corpus], worker: workerId },
          episodeId: null,
        };
      }
      case "turn-gains": {
        const episode = await this.episodes.get(input.episodeId);
        const [run] = await this.database.db.$queryRaw<
          { config: unknown }[]
        >`SELECT config FROM runs WHERE id = ${episode.runId}::uuid`;
        const config = runConfigSchema.parse(run?.config);
        if (config.kind !== "train" && config.kind !== "predict")
          throw new AppError("unsupported", "Only episodes of train and predict runs have turns.");
        const request = parseOrThrow(
          taskRequestSchema,
          {
            taskId,
            kind: "turn-gains",
            config,
            question: episode.question,
            contexts: turnContexts(episode.record.episode.steps, episode.documents),
          },
          "The request for turn gains",
        );
        const models = config.generator.endpoint === null ? [config.generator.model] : [];
        return {
          request,
          needs: { slot: "light", models, corpora: [], worker: null },
          episodeId: input.episodeId,
        };
      }
    }
  }
}
