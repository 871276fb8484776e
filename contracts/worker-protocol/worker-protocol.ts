import { z } from "zod";
import { alarmChangeSchema } from "@/contracts/records/alarms";
import { multipleChoiceSchema } from "@/contracts/formats/corpus-lines";
import { corpusReportSchema } from "./corpus-report";
import {
  answerSchema,
  documentTextSchema,
  episodeSchema,
  episodeRecordSchema,
  formatErrorSchema,
} from "@/contracts/records/episode";
import { errorCodeSchema, wireErrorSchema } from "@/contracts/errors";
import { metricPointSchema } from "./metric-point";
import { modelShapeSchema } from "./model-shape";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { runKindSchema } from "@/contracts/records/run-state";

/**
 * What a worker and the server say to each other, over one WebSocket that the worker opens (GET /worker, header
 * `Authorization: Bearer TOKEN`). The worker sends requests and the server answers each by id; the server also pushes
 * notices. Artifact bytes travel beside it over HTTP with the same token:
 *   PUT  /worker/artifacts/{artifactId}/{file}?runId=&attempt=   (raw body; refused for a stale attempt)
 *   GET  /worker/artifacts/{artifactId}/{file}
 */
export const PROTOCOL_VERSION = 1;

/** An attempt is the fencing token: everything said about a run names it, and a stale one is refused. */
const attemptRefSchema = z.object({ runId: z.uuid(), attempt: z.int().positive() });
export type AttemptRef = z.infer<typeof attemptRefSchema>;

export const hardwareSchema = z.object({
  hostname: z.string(),
  platform: z.string(),
  cpuModel: z.string(),
  cores: z.int().positive(),
  memoryMb: z.number().positive(),
  gpus: z.array(z.object({ name: z.string(), memoryMb: z.number() })),
});
export type Hardware = z.infer<typeof hardwareSchema>;

/** Use at one moment; the server keeps it over time. Shares are 0..1 of the whole machine. */
export const usageSchema = z.object({
  cpu: z.number().min(0).max(1),
  memoryMb: z.number().nonnegative(),
  gpus: z.array(
    z.object({ utilisation: z.number().min(0).max(1), memoryMb: z.number().nonnegative() }),
  ),
});
export type Usage = z.infer<typeof usageSchema>;

export const serviceStateSchema = z.enum(["starting", "ready", "failed", "stopped"]);
export const serviceReportSchema = z.object({
  /** Unique on the worker, e.g. "engine" or "retriever:atlas:minilm-int8". */
  key: z.string(),
  kind: z.enum(["engine", "retriever", "generator", "sampler"]),
  state: serviceStateSchema,
  /** What it is doing while it starts, e.g. "encoding 640 of 1159". */
  detail: z.string(),
  error: z.string().nullable(),
  memoryMb: z.number().nonnegative().nullable(),
  /** Loopback address on the worker. */
  address: z.string().nullable(),
  /** How many runs and tasks hold it. */
  references: z.int().nonnegative(),
  startedAt: z.number().nullable(),
});
export type ServiceReport = z.infer<typeof serviceReportSchema>;

/** `cpu` slots run light work; an `engine` slot holds a training or predict run. A serve or index run takes `light`. */
export const slotsSchema = z.object({
  engine: z.int().nonnegative(),
  light: z.int().nonnegative(),
});

export const attachRequestSchema = z.object({
  protocolVersion: z.int(),
  /** Survives restarts of the agent, so that a worker is one row. */
  workerId: z.uuid(),
  name: z.string().min(1).max(120),
  hardware: hardwareSchema,
  slots: slotsSchema,
  /** Attempts that it still holds after a lost connection; the server requeues any other of this worker at once. */
  attempts: z.array(attemptRefSchema),
  capabilities: z.object({
    models: z.array(z.string()),
    corpora: z.array(z.string()),
    device: z.string(),
    dtype: z.string(),
    /** Of the models whose architecture the engine computes, by name: what a memory estimate needs. */
    shapes: z.record(z.string(), modelShapeSchema).optional(),
    /** Version of an installed vLLM. */
    vllm: z.string().nullish(),
  }),
});

export const preflightItemSchema = z.object({
  name: z.enum([
    "retriever",
    "generator",
    "engine",
    "sampler",
    "questions",
    "checkpoint",
    "searcher",
    "judge",
    "model",
    "vllm",
  ]),
  state: z.enum(["waiting", "running", "ready", "failed"]),
  seconds: z.number().nonnegative().nullable(),
  detail: z.string(),
  error: z.string().nullable(),
});
export type PreflightItem = z.infer<typeof preflightItemSchema>;

/** Where a run is: shown as a phase with a bar. */
export const progressSchema = z.object({
  phase: z.enum([
    "preparing",
    "baseline",
    "cold-start",
    "training",
    "evaluating",
    "checkpointing",
    "predicting",
    "importing",
    "indexing",
    "serving",
  ]),
  done: z.number().nonnegative(),
  total: z.number().nonnegative(),
  detail: z.string(),
});
export type Progress = z.infer<typeof progressSchema>;

export const logLineSchema = z.object({
  at: z.number(),
  level: z.enum(["debug", "info", "warn", "error"]),
  source: z.string(),
  message: z.string().max(10_000),
});
export type LogLine = z.infer<typeof logLineSchema>;

export const questionFailureSchema = z.object({
  questionId: z.string(),
  code: errorCodeSchema,
  reason: z.string().max(10_000),
});
export type QuestionFailure = z.infer<typeof questionFailureSchema>;

/** An episode that another run has stored, answered or scored anew. */
const reansweredRecordSchema = z.object({
  questionId: z.string(),
  ...episodeRecordSchema.pick({ answer: true, score: true, otherScores: true, attribution: true })
    .shape,
});
export type ReansweredRecord = z.infer<typeof reansweredRecordSchema>;

export const reportItemSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("metrics"), points: z.array(metricPointSchema) }),
  /** Texts of documents that these records are the first to name travel with them. */
  z.object({
    kind: z.literal("episodes"),
    corpus: z.string(),
    questions: z.string(),
    documents: z.array(documentTextSchema),
    records: z.array(episodeRecordSchema),
  }),
  /** Of a run that reuses the episodes of another: what came of them. The episodes are there already and are not sent again. */
  z.object({
    kind: z.literal("reanswered"),
    questions: z.string(),
    records: z.array(reansweredRecordSchema),
  }),
  /** Questions of a predict run that could not be answered, and why. They count as missing, never as wrong. */
  z.object({
    kind: z.literal("failures"),
    questions: z.string(),
    failures: z.array(questionFailureSchema).min(1),
  }),
  z.object({ kind: z.literal("logs"), lines: z.array(logLineSchema) }),
  z.object({ kind: z.literal("preflight"), items: z.array(preflightItemSchema) }),
  z.object({ kind: z.literal("progress"), progress: progressSchema }),
  /** Of a training run, beside the metrics of the step that they were noticed after. */
  z.object({ kind: z.literal("alarms"), changes: z.array(alarmChangeSchema).min(1) }),
]);
export type ReportItem = z.infer<typeof reportItemSchema>;

/** (run, attempt, sequence) makes reports exactly-once: the server takes sequence n+1 after n, ignores repeats. */
export const reportRequestSchema = z.object({
  ...attemptRefSchema.shape,
  sequence: z.int().positive(),
  items: z.array(reportItemSchema).min(1),
});

export const artifactFileSchema = z.object({
  name: z.string().regex(/^[\w.-]+$/),
  bytes: z.int().nonnegative(),
  sha256: z.string().length(64),
});
export const artifactManifestSchema = z.object({
  id: z.uuid(),
  kind: z.enum(["checkpoint", "export"]),
  /** Training step the checkpoint was taken after. */
  step: z.int().nonnegative(),
  files: z.array(artifactFileSchema).min(1),
  metadata: z.record(z.string(), z.unknown()),
});
export type ArtifactManifest = z.infer<typeof artifactManifestSchema>;

export const questionSchema = z.object({
  id: z.string(),
  question: z.string(),
  answers: z.array(z.string()).min(1),
  goldIds: z.array(z.string()),
  type: z.string().nullable(),
  /** Cluster for intervals, e.g. the country. */
  group: z.string().nullable(),
  /** Queries of the gold path after the question's own retrieval. */
  goldQueries: z.array(z.string()),
  /** Absent where the question is not a multiple choice. */
  options: multipleChoiceSchema.optional(),
});
export type Question = z.infer<typeof questionSchema>;

const taskBase = { taskId: z.uuid() };
/** Short interactive requests, answered within seconds (a dry run within a minute). */
export const taskRequestSchema = z.discriminatedUnion("kind", [
  z.object({
    ...taskBase,
    kind: z.literal("query"),
    corpus: z.string(),
    retriever: z.unknown(),
    query: z.string().min(1),
    k: z.int().min(1).max(50),
  }),
  /** Documents of a corpus by their ids, as they are on the worker. */
  z.object({
    ...taskBase,
    kind: z.literal("documents"),
    corpus: z.string(),
    ids: z.array(z.string().min(1).max(512)).min(1).max(50),
  }),
  z.object({ ...taskBase, kind: z.literal("dry-run"), config: runConfigSchema }),
  /** Which indexes a retriever needs over a corpus, and what they cost here. `passages`: of a corpus that is not on the worker yet, how many it will have. */
  z.object({
    ...taskBase,
    kind: z.literal("index-plan"),
    corpus: z.string(),
    passages: z.int().positive().nullable(),
    retriever: z.unknown(),
  }),
  /** Deletes an imported corpus and its indexes from the worker. */
  z.object({ ...taskBase, kind: z.literal("remove-corpus"), corpus: z.string() }),
  /** Answers and scores the union of selections up to each turn: what each turn gained. */
  z.object({
    ...taskBase,
    kind: z.literal("turn-gains"),
    config: runConfigSchema,
    question: questionSchema,
    contexts: z.array(z.object({ turn: z.int(), documents: z.array(documentTextSchema) })).min(1),
  }),
]);
export type TaskRequest = z.infer<typeof taskRequestSchema>;

/** Those that the corpus has, in the order of the ids. */
export const documentsResultSchema = z.object({
  documents: z.array(z.object({ id: z.string(), title: z.string(), text: z.string() })),
});

export const queryResultSchema = z.object({
  documents: z.array(
    z.object({ id: z.string(), title: z.string(), text: z.string(), score: z.number() }),
  ),
  /** Wall-clock seconds of the search alone. */
  seconds: z.number(),
  /** Seconds until the retriever was open; an index that was missing is built in them. */
  openSeconds: z.number(),
  /** The retriever as it names itself, and how many documents it searched (null where it does not say). */
  retriever: z.object({ title: z.string(), documents: z.int().nullable() }),
});
export type QueryResult = z.infer<typeof queryResultSchema>;
/** One index of a plan. Sizes in bytes. */
export const indexEstimateSchema = z.object({
  /** FAISS factory string, or "BM25". */
  index: z.string(),
  reason: z.string(),
  /** It is on the worker already: nothing will be built. */
  isThere: z.boolean(),
  fileBytes: z.number(),
  searchBytes: z.number(),
  buildBytes: z.number(),
  diskBytes: z.number(),
  /** Vectors that the index learns from. */
  trainingVectors: z.int(),
  /** Measured on a sample just now; null where no passage has to be read: the index or its vectors are there. */
  passagesPerSecond: z.number().positive().nullable(),
  /** All passages at that pace; learning (IVF, PQ) comes on top. */
  seconds: z.number(),
});
export const indexPlanResultSchema = z.object({
  passages: z.int(),
  /** Of the worker. */
  memoryBytes: z.number(),
  freeDiskBytes: z.number(),
  indexes: z.array(indexEstimateSchema),
});
export type IndexPlanResult = z.infer<typeof indexPlanResultSchema>;

export const removeCorpusResultSchema = z.object({ freedBytes: z.number(), indexes: z.int() });

export const turnGainsResultSchema = z.object({
  goldContext: z.object({ answer: z.string(), score: z.number() }).nullable(),
  turns: z.array(z.object({ turn: z.int(), answer: z.string(), score: z.number() })),
});
export const dryRunResultSchema = z.object({
  questions: z.int(),
  episodes: z.int(),
  seconds: z.number(),
  /** Episodes in which something was cut by a token limit. */
  truncated: z.int(),
  formatErrors: z.array(z.object({ error: formatErrorSchema, count: z.int() })),
  groups: z.int(),
  groupsWithoutVariance: z.int(),
  rewardMean: z.number(),
  ragAccuracy: z.number(),
  longestEpisodeTokens: z.int(),
  peakMemoryMb: z.number(),
  secondsPerStep: z.number(),
  projectedSeconds: z.number(),
  warnings: z.array(z.string()),
});
export type DryRunResult = z.infer<typeof dryRunResultSchema>;

const nothingSchema = z.object({});

/** Stored episodes with their answers, and the texts that they name. */
const storedEpisodesSchema = z.object({
  episodes: z.array(z.object({ episode: episodeSchema, answer: answerSchema.nullable() })),
  documents: z.array(documentTextSchema),
});

/** What a judge has said of an answer already. */
const storedVerdictSchema = z.object({
  key: z.string(),
  text: z.string(),
  questionId: z.string(),
  value: z.number().min(0).max(1),
});
export type StoredVerdict = z.infer<typeof storedVerdictSchema>;

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
    /** `lost`: attempts that the worker must drop at once; `cancel`: attempts to cancel in order. */
    response: z.object({ lost: z.array(attemptRefSchema), cancel: z.array(attemptRefSchema) }),
  },
  lease: {
    request: z.object({ freeSlots: slotsSchema }),
    response: z.object({
      run: z
        .object({
          ...attemptRefSchema.shape,
          kind: runKindSchema,
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
   * Moves the attempt's run: preparing -> running -> succeeded, or failed with the reason, or cancelled. `queued` gives
   * the run back with the reason (the engine died, the agent stops): it counts as a lost lease does. Saying the same
   * twice is harmless: an answer may have been lost on the way.
   */
  transition: {
    request: z.object({
      ...attemptRefSchema.shape,
      to: z.enum(["preparing", "running", "succeeded", "failed", "cancelled", "queued"]),
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
    request: z.object({ taskId: z.uuid(), detail: z.string(), fraction: z.number().min(0).max(1) }),
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
