import type { z } from "zod";
import type { createTaskRequestSchema, EpisodeChange } from "@/contracts/api/tasks";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import { searchesLocally } from "@/contracts/run-config/retriever";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { reuseSchema } from "@/contracts/run-config/scoring";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import {
  taskRequestSchema,
  type PlayedQuestion,
  type TaskRequest,
} from "@/contracts/worker-protocol/tasks";
import { toPredictConfig } from "@/core/run/predict-config";
import {
  requirementsFor,
  requirementsForTurnGains,
  type WorkerRequirements,
} from "@/core/run/requirements";
import type { WorkerCorpora } from "@/server/features/corpora/worker-corpora";
import type { EpisodeReader } from "@/server/features/episodes/episode-reader";
import type { ReferenceCheck } from "@/server/features/runs/reference-check";
import type { Database } from "@/server/platform/db/database";
import { buildForcedTurns } from "./forced-turns";
import { buildTurnContexts } from "./turn-contexts";

type PlayRequest = Extract<TaskRequest, { kind: "play" }>;

const NO_REUSE = reuseSchema.parse({});

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
    case "ask": {
      const config = parseOrThrow(predictConfigSchema, input.config, "The configuration");
      const question: PlayedQuestion = {
        id: "asked",
        question: input.question,
        answers: input.answers,
        goldIds: [],
        type: null,
        group: null,
        goldQueries: [],
      };
      return buildPlayTask({ taskId, config, question });
    }
    case "what-if":
      return prepareWhatIf(services, taskId, input.episodeId, input.change);
  }
}

/** Plays a question once: nothing is reused, and no other run is looked at. */
function buildPlayTask(
  parts: Pick<PlayRequest, "taskId" | "config" | "question"> & Partial<PlayRequest>,
  episodeId: string | null = null,
): PreparedTask {
  const config = { ...parts.config, reuse: NO_REUSE, matchRun: null };
  const { models, corpora, ownEngine } = requirementsFor(config);
  return {
    request: { rewardWeights: null, forced: [], documents: [], ...parts, kind: "play", config },
    requirements: buildLightRequirements({ models, corpora, ...(ownEngine && { ownEngine }) }),
    episodeId,
  };
}

async function prepareWhatIf(
  services: PreparationServices,
  taskId: string,
  episodeId: string,
  change: EpisodeChange,
): Promise<PreparedTask> {
  const episode = await services.episodeReader.get(episodeId);
  const { episode: recorded } = episode.record;
  const run = await readAnsweringConfig(services, episode.runId);
  const base = run.kind === "train" ? toPredictConfig(run) : run;
  const config = predictConfigSchema.parse({
    ...base,
    corpus: episode.corpus,
    retriever: change.retriever ?? base.retriever,
    generator: change.generator ?? base.generator,
    searcher: { ...base.searcher, checkpoint: change.checkpoint },
    // Document-matched RAG hands over as many documents as it did.
    ...(base.matchRun !== null && { documents: Math.max(1, recorded.context.length) }),
  });
  return buildPlayTask(
    {
      taskId,
      config,
      question: episode.question,
      rewardWeights: run.kind === "train" ? run.reward.weights : null,
      forced: buildForcedTurns(recorded, config.search, change),
      documents: Object.values(episode.documents),
    },
    episodeId,
  );
}

/** The configuration of a run that answers questions. @throws AppError "unsupported" for another kind */
async function readAnsweringConfig(
  { database }: PreparationServices,
  runId: string,
): Promise<TrainConfig | PredictConfig> {
  const run = await database.db.run.findUniqueOrThrow({
    where: { id: runId },
    select: { config: true },
  });
  const config = runConfigSchema.parse(run.config);
  if (config.kind !== "train" && config.kind !== "predict")
    throw new AppError("unsupported", "Only episodes of train and predict runs have turns.");
  return config;
}

async function prepareTurnGains(
  services: PreparationServices,
  taskId: string,
  episodeId: string,
): Promise<PreparedTask> {
  const episode = await services.episodeReader.get(episodeId);
  const config = await readAnsweringConfig(services, episode.runId);
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
  return { request, requirements: requirementsForTurnGains(config, episode.question), episodeId };
}

const buildLightRequirements = (
  required: Partial<Omit<WorkerRequirements, "slot">>,
): WorkerRequirements => ({ slot: "light", models: [], corpora: [], worker: null, ...required });
