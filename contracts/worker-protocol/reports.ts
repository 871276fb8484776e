import { z } from "zod";
import { attemptRefSchema } from "./attempt";
import { epochMillisecondsSchema, metricPointSchema } from "@/contracts/records/metric-point";
import { errorCodeSchema } from "@/contracts/errors";
import { alarmChangeSchema } from "@/contracts/records/alarms";
import { documentTextSchema, episodeRecordSchema } from "@/contracts/records/episode";

/** What a worker reports of a run: metrics, episodes, failures, logs, preflight, progress and alarms. */

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
  at: epochMillisecondsSchema,
  level: z.enum(["debug", "info", "warn", "error"]),
  source: z.string(),
  message: z.string().max(10_000),
});
export type LogLine = z.infer<typeof logLineSchema>;

const questionFailureSchema = z.object({
  questionId: z.string(),
  code: errorCodeSchema,
  reason: z.string().max(10_000),
});
export type QuestionFailure = z.infer<typeof questionFailureSchema>;

/** A stored episode of another run, answered or scored again. */
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
  /** Of a run that reuses the episodes of another: their new answers and scores. The episodes are stored already and are not sent again. */
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
  /** Of a training run, with the metrics of the step after which they were noticed. */
  z.object({ kind: z.literal("alarms"), changes: z.array(alarmChangeSchema).min(1) }),
]);
export type ReportItem = z.infer<typeof reportItemSchema>;

/** (run, attempt, sequence) makes reports exactly-once: the server takes sequence n+1 after n, ignores repeats. */
export const reportRequestSchema = z.object({
  ...attemptRefSchema.shape,
  sequence: z.int32().positive(),
  items: z.array(reportItemSchema).min(1),
});
