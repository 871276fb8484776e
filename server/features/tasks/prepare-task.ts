import type { z } from "zod";
import type { createTaskRequestSchema } from "@/contracts/api/tasks";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { searchesLocally } from "@/contracts/run-config/retriever";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { taskRequestSchema, type TaskRequest } from "@/contracts/worker-protocol/tasks";
import { requirementsFor, type WorkerRequirements } from "@/core/run/requirements";
import type { WorkerCorpora } from "@/server/features/corpora/worker-corpora";
import type { EpisodeReader } from "@/server/features/episodes/episode-reader";
import type { ReferenceCheck } from "@/server/features/runs/reference-check";
import type { Database } from "@/server/platform/db/database";
import { buildTurnContexts } from "./turn-contexts";

type TaskInput = z.output<typeof createTaskRequestSchema>;

export interface PreparationServices {
  database: Database;
  episodeReader: EpisodeReader;
  referenceCheck: ReferenceCheck;
  workerCorpora: WorkerCorpora;
}

/** A task as it is sent, what its worker must offer, and the episode that it is about. */
export interface PreparedTask {
  request: TaskRequest;
  requirements: WorkerRequirements;
  episodeId: string | null;
}

/** Builds the request of a task. @throws AppError where the task is not possible */
export async function prepareTask(
  services: PreparationServices,
  taskId: string,
  input: TaskInput,
): Promise<PreparedTask> {
  switch (input.kind) {
    case "query": {
      const { kind, corpus, retriever, query, k, workerId = null } = input;
      return {
        request: { taskId, kind, corpus, retriever, query, k },
        requirements: buildLightRequirements({
          corpora: searchesLocally(retriever) ? [corpus] : [],
          worker: workerId,
        }),
        episodeId: null,
      };
    }
    case "documents": {
      const { kind, corpus, ids } = input;
      return {
        request: { taskId, kind, corpus, ids },
        requirements: buildLightRequirements({ corpora: [corpus] }),
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
      await services.referenceCheck.requireAll(config);
      return {
        request: { taskId, kind: "dry-run", config },
        requirements: requirementsFor(config),
        episodeId: null,
      };
    }
    case "index-plan": {
      const { kind, corpus, passages = null, retriever, worker = null } = input;
      return {
        request: { taskId, kind, corpus, passages, retriever },
        requirements: buildLightRequirements({
          corpora: passages === null ? [corpus] : [],
          worker,
        }),
        episodeId: null,
      };
    }
    case "corpus-preview": {
      const { kind, source, worker = null } = input;
      return {
        request: { taskId, kind, source },
        requirements: buildLightRequirements({ worker }),
        episodeId: null,
      };
    }
    case "remove-corpus": {
      const { kind, corpus, workerId } = input;
      await services.workerCorpora.requireUnused(corpus);
      return {
        request: { taskId, kind, corpus },
        requirements: buildLightRequirements({ corpora: [corpus], worker: workerId }),
        episodeId: null,
      };
    }
    case "turn-gains":
      return prepareTurnGains(services, taskId, input.episodeId);
  }
}

async function prepareTurnGains(
  { database, episodeReader }: PreparationServices,
  taskId: string,
  episodeId: string,
): Promise<PreparedTask> {
  const episode = await episodeReader.get(episodeId);
  const run = await database.db.run.findUniqueOrThrow({
    where: { id: episode.runId },
    select: { config: true },
  });
  const config = runConfigSchema.parse(run.config);
  if (config.kind !== "train" && config.kind !== "predict")
    throw new AppError("unsupported", "Only episodes of train and predict runs have turns.");
  const request = parseOrThrow(
    taskRequestSchema,
    {
      taskId,
      kind: "turn-gains",
      config,
      question: episode.question,
      contexts: buildTurnContexts(episode.record.episode.steps, episode.documents),
    },
    "The request for turn gains",
  );
  const models = config.generator.endpoint === null ? [config.generator.model] : [];
  return { request, requirements: buildLightRequirements({ models }), episodeId };
}

const buildLightRequirements = (
  required: Partial<Omit<WorkerRequirements, "slot">>,
): WorkerRequirements => ({ slot: "light", models: [], corpora: [], worker: null, ...required });
