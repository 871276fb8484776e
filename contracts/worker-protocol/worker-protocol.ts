import { z } from "zod";
import { artifactFileSchema, artifactManifestSchema } from "./artifacts";
import { attachRequestSchema, serviceReportSchema, slotsSchema, usageSchema } from "./attach";
import { attemptRefSchema } from "./attempt";
import { corpusReportSchema } from "./corpus-report";
import { questionSchema } from "./questions";
import { logLineSchema, reportRequestSchema } from "./reports";
import { storedBaselineSchema, storedEpisodesSchema, storedVerdictSchema } from "./stored-results";
import { taskRequestSchema } from "./tasks";
import { wireErrorSchema } from "@/contracts/errors";
import { answerSchema } from "@/contracts/records/episode";
import { launchedKindSchema } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";

/**
 * The messages between a worker and the server, over one WebSocket that the worker opens (GET /worker, header
 * `Authorization: Bearer TOKEN`). The worker sends requests and the server answers each by id; the server also pushes
 * notices. Artifact bytes are sent over HTTP with the same token:
 *   PUT  /worker/artifacts/{artifactId}/{file}?runId=&attempt=   (raw body; refused for a stale attempt)
 *   GET  /worker/artifacts/{artifactId}/{file}
 */
export const PROTOCOL_VERSION = 1;

const nothingSchema = z.object({});

/** Requests of the worker, by method: what it sends and what the server answers. */
export const workerMethods = {
  attach: {
    request: attachRequestSchema,
    response: z.object({
      workerId: z.uuid(),
      heartbeatMs: z.number().positive(),
      leaseMs: z.number().positive(),
    }),
  },
  heartbeat: {
    request: z.object({
      attempts: z.array(attemptRefSchema),
      usage: usageSchema,
      services: z.array(serviceReportSchema),
      freeSlots: slotsSchema,
    }),
    /**
     * `lost`: attempts that the worker must drop at once; `cancel`: attempts to cancel in order; `pause`: attempts to end
     * where the run can go on from; `steps`: how many steps training attempts make in total.
     */
    response: z.object({
      lost: z.array(attemptRefSchema),
      cancel: z.array(attemptRefSchema),
      pause: z.array(attemptRefSchema),
      steps: z.array(z.object({ ...attemptRefSchema.shape, steps: z.int().positive() })),
    }),
  },
  lease: {
    request: z.object({ freeSlots: slotsSchema }),
    response: z.object({
      run: z
        .object({
          ...attemptRefSchema.shape,
          kind: launchedKindSchema,
          config: runConfigSchema,
          /** Last committed checkpoint of the run to resume from. */
          resume: z
            .object({
              artifactId: z.uuid(),
              step: z.int().nonnegative(),
              files: z.array(artifactFileSchema),
            })
            .nullable(),
        })
        .nullable(),
    }),
  },
  /**
   * Moves the attempt's run: preparing -> running -> succeeded, or failed with the reason, cancelled or paused. `queued` gives
   * the run back with the reason (the engine died, the agent stops): it counts as a lost lease does. Saying the same
   * twice is harmless: an answer may have been lost on the way.
   */
  transition: {
    request: z.object({
      ...attemptRefSchema.shape,
      to: z.enum(["preparing", "running", "succeeded", "failed", "cancelled", "paused", "queued"]),
      reason: z.string().max(10_000).nullable(),
    }),
    response: nothingSchema,
  },
  report: { request: reportRequestSchema, response: z.object({ accepted: z.boolean() }) },
  commitArtifact: {
    request: z.object({ ...attemptRefSchema.shape, manifest: artifactManifestSchema }),
    response: nothingSchema,
  },
  /** An artifact by id, e.g. a checkpoint to predict with. */
  artifact: {
    request: z.object({ artifactId: z.uuid() }),
    response: z.object({ manifest: artifactManifestSchema, config: runConfigSchema }),
  },
  /** With `runId`: of the version that the run is pinned to, whatever was imported since. */
  questions: {
    request: z.object({
      set: z.string(),
      runId: z.uuid().nullish(),
      after: z.string().nullable(),
      limit: z.int().min(1).max(5000),
    }),
    response: z.object({ questions: z.array(questionSchema), next: z.string().nullable() }),
  },
  /** Stored answers by cache key (the naive-RAG cache is the stored answers of method rag). */
  findAnswers: {
    request: z.object({ keys: z.array(z.string()).max(10_000) }),
    response: z.object({ answers: z.array(answerSchema) }),
  },
  saveAnswers: {
    request: z.object({ answers: z.array(answerSchema).max(10_000) }),
    response: nothingSchema,
  },
  /** Question ids that a predict run has stored already, with the number of documents handed over. */
  answeredQuestions: {
    request: z.object({ runId: z.uuid(), after: z.string().nullable() }),
    response: z.object({
      questions: z.array(z.object({ questionId: z.string(), documents: z.int() })),
      next: z.string().nullable(),
    }),
  },
  /** Question ids that an evaluate run has stored already, with the ranks of the gold documents that were found. */
  rankedQuestions: {
    request: z.object({ runId: z.uuid(), after: z.string().nullable() }),
    response: z.object({
      questions: z.array(z.object({ questionId: z.string(), ranks: z.array(z.int().positive()) })),
      next: z.string().nullable(),
    }),
  },
  /** How many questions a predict run has stored with a score, and the sum of their scores. */
  storedAccuracy: {
    request: z.object({ runId: z.uuid() }),
    response: z.object({ scored: z.int().nonnegative(), sum: z.number().nonnegative() }),
  },
  /** Episodes of a predict run for these questions, with the texts they hand over; a question it has not answered is absent. */
  storedEpisodes: {
    request: z.object({ runId: z.uuid(), questionIds: z.array(z.string()).max(500) }),
    response: storedEpisodesSchema,
  },
  /** What a predict run has answered, question by question, with all scores of each answer; `runs` is the setting that names it. */
  storedBaselines: {
    request: z.object({ runs: z.string(), runId: z.uuid(), after: z.string().nullable() }),
    response: z.object({
      entries: z.array(storedBaselineSchema),
      next: z.string().nullable(),
    }),
  },
  /** Episodes of predict runs by cache key, with their answers and texts, of the run that stored them first; a key without one is absent. */
  findEpisodes: {
    request: z.object({ keys: z.array(z.string()).max(500) }),
    response: storedEpisodesSchema,
  },
  /** Verdicts of a judge on answers, by the answer's cache key and text, in the run's version of the question set. */
  findVerdicts: {
    request: z.object({
      runId: z.uuid(),
      questions: z.string(),
      scorer: z.string(),
      answers: z.array(z.object({ key: z.string(), questionId: z.string() })).max(10_000),
    }),
    response: z.object({ verdicts: z.array(storedVerdictSchema) }),
  },
  /** A stored API key, for the attempt that holds a run whose configuration names it with this endpoint. */
  endpointKey: {
    request: z.object({ ...attemptRefSchema.shape, name: z.string(), endpoint: z.string() }),
    response: z.object({ key: z.string() }),
  },
  taskProgress: {
    request: z.object({
      taskId: z.uuid(),
      detail: z.string(),
      fraction: z.number().min(0).max(1),
      /** What there is of the result; absent: as before. */
      partial: z.unknown().optional(),
    }),
    response: nothingSchema,
  },
  taskResult: {
    request: z.object({
      taskId: z.uuid(),
      result: z.unknown().optional(),
      error: wireErrorSchema.optional(),
    }),
    response: nothingSchema,
  },
  /** All corpora on the worker, with their indexes: after each attach, and whenever one was added, indexed or removed. */
  corpora: {
    request: z.object({ corpora: z.array(corpusReportSchema).max(10_000) }),
    response: nothingSchema,
  },
  /** All models on the worker: whenever one was installed or removed after it attached. */
  models: {
    request: attachRequestSchema.shape.capabilities.pick({
      models: true,
      modelRoles: true,
      shapes: true,
    }),
    response: nothingSchema,
  },
  /** Log lines of the agent and its services that belong to no run. */
  workerLogs: {
    request: z.object({ lines: z.array(logLineSchema).max(1000) }),
    response: nothingSchema,
  },
} as const;
export type WorkerMethod = keyof typeof workerMethods;
export type WorkerRequest<M extends WorkerMethod> = z.infer<(typeof workerMethods)[M]["request"]>;
export type WorkerResponse<M extends WorkerMethod> = z.infer<(typeof workerMethods)[M]["response"]>;

/** Frames worker -> server. */
export const workerFrameSchema = z.object({
  id: z.int().nonnegative(),
  method: z.string(),
  params: z.unknown(),
});

/** Frames server -> worker. */
export const serverFrameSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("response"),
    id: z.int().nonnegative(),
    result: z.unknown().optional(),
    error: wireErrorSchema.optional(),
  }),
  z.object({ type: z.literal("cancel"), ...attemptRefSchema.shape }),
  /** Something was queued: ask for a lease. */
  z.object({ type: z.literal("work") }),
  z.object({ type: z.literal("task"), task: taskRequestSchema }),
  z.object({ type: z.literal("cancel-task"), taskId: z.uuid() }),
]);
export type ServerFrame = z.infer<typeof serverFrameSchema>;
