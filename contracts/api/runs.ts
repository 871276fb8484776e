import { z } from "zod";
import { runStateSchema, runKindSchema } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { episodeRowSchema } from "@/contracts/api/episodes";
import { metricPointRowSchema } from "@/contracts/api/metrics";
import { alarmNameSchema } from "@/contracts/records/alarms";
import { checkedRequirementSchema } from "@/contracts/records/requirement";
import {
  progressSchema,
  preflightItemSchema,
  logLineSchema,
} from "@/contracts/worker-protocol/reports";
import { columnValuesSchema } from "./run-list";
import { rowIdSchema } from "./row-id";

export const cancelRunRequestSchema = z.object({
  id: z.uuid(),
  reason: z.string().max(1000).nullish(),
});

export const cancelRunResponseSchema = z.object({ state: runStateSchema });

export const checkRunRequestSchema = z.object({ config: z.unknown() });

/** Estimated memory of a training run on one device. */
export const memoryEstimateSchema = z.object({
  totalBytes: z.number(),
  /** Of the phases of a step the largest counts, on a CPU all. */
  parts: z.array(
    z.object({ name: z.string(), bytes: z.number(), detail: z.string(), phase: z.boolean() }),
  ),
  device: z.enum(["cpu", "cuda", "mps"]),
  deviceBytes: z.number(),
  /** Devices that share the model; the estimate is that of each. */
  ranks: z.int().positive(),
  verdict: z.enum(["fits", "tight", "too small"]),
  /** What to change where it does not fit. */
  advice: z.string().nullable(),
});

export const checkRunResponseSchema = z.object({
  /** No issue and every requirement met: it would start now. */
  ok: z.boolean(),
  /** What is wrong with the configuration, by path ("rl.groupSize"). Launch refuses while there is one. */
  issues: z.array(z.object({ path: z.string(), message: z.string() })),
  /** What a worker must have; an unmet one leaves the run queued. */
  requirements: z.array(checkedRequirementSchema),
  /** Estimated memory of a training run on a device: a warning, never a refusal. Null for other kinds of run, and where a model's shape is not known. */
  memory: z
    .array(
      z.object({
        ...memoryEstimateSchema.shape,
        /** Name of an attached worker that could take it; null where there is none and one GPU of 80 GB is assumed. */
        worker: z.string().nullable(),
      }),
    )
    .nullable(),
  /** Workers that could take a training run, but whose engine has not joined its Ray cluster yet: what their GPUs are is not known. */
  unjoined: z.array(z.string()),
  /** Of the training questions those that the runs of `rl.ragRuns` have answered; null where there are none such. */
  baselines: z.object({ known: z.int(), questions: z.int() }).nullable(),
});

export const runCheckpointsRequestSchema = z.object({ id: z.uuid() });

export const runCheckpointsResponseSchema = z.array(
  z.object({
    id: z.uuid(),
    step: z.int(),
    attempt: z.int(),
    bytes: z.number(),
    createdAt: z.date(),
    files: z.array(z.object({ name: z.string(), bytes: z.number(), sha256: z.string() })),
    metadata: z.record(z.string(), z.unknown()),
  }),
);

export const exportRunRequestSchema = z.object({
  id: z.uuid(),
  cursor: rowIdSchema.nullish(),
  limit: z.int().min(1).max(1000).default(500),
});

export const exportRunResponseSchema = z.object({
  run: z.object({
    id: z.uuid(),
    name: z.string(),
    state: runStateSchema,
    createdAt: z.date(),
    startedAt: z.date().nullable(),
    endedAt: z.date().nullable(),
    error: z.string().nullable(),
  }),
  config: runConfigSchema,
  /** At most 2,000 points a metric; on the first page only. */
  metrics: z.record(z.string(), z.array(metricPointRowSchema)),
  episodes: z.array(episodeRowSchema),
  nextCursor: z.string().nullable(),
});

const runRowSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  createdAt: z.date(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  attempt: z.int(),
  progress: progressSchema.nullable(),
  /** Metric that the row shows: reward/mean of a train run, predict/accuracy of a predict run. */
  headline: z.object({
    metric: z.string(),
    value: z.number().nullable(),
    sparkline: z.array(z.object({ step: z.number(), value: z.number() })),
  }),
  worker: z.object({ id: z.uuid(), name: z.string() }).nullable(),
  preset: z.string().nullable(),
  /** Searcher model, or the generator's for naive RAG; null for index and serve runs. */
  model: z.string().nullable(),
  /** null where a model is served. */
  corpus: z.string().nullable(),
  /** The retrieve-select-turns setting, e.g. "8-3-3"; null where there is none. */
  setting: z.string().nullable(),
  error: z.string().nullable(),
  /** Sweep that it belongs to, with the states of all its runs. */
  sweep: z
    .object({ id: z.uuid(), name: z.string(), counts: z.partialRecord(runStateSchema, z.int()) })
    .nullable(),
  /** Another program's files that the run was made of; null: it was executed or observed here. */
  importedFrom: z.string().nullable(),
  /** Raised alarms. */
  alarms: z.array(alarmNameSchema),
  tags: z.array(z.string()),
  notes: z.string(),
  archivedAt: z.date().nullable(),
  deletedAt: z.date().nullable(),
});

export type RunRow = z.infer<typeof runRowSchema>;

export const listRunsResponseSchema = z.object({
  rows: z.array(runRowSchema.extend({ values: columnValuesSchema })),
  nextCursor: z.string().nullable(),
  /** Runs per state over the whole shelf, regardless of the other filters. */
  counts: z.partialRecord(runStateSchema, z.int()),
});

const runActionSchema = z.enum(["cancel", "pause", "resume", "steps", "duplicate"]);

export const attemptOutcomeSchema = z.enum(["succeeded", "failed", "cancelled", "paused", "lost"]);

export const getRunRequestSchema = z.object({ id: z.uuid() });

const checkpointOriginSchema = z.object({
  checkpointId: z.uuid(),
  runId: z.uuid(),
  name: z.string(),
  step: z.int(),
});

export const runDetailSchema = runRowSchema.extend({
  config: runConfigSchema,
  createdBy: z.string(),
  preflight: z.array(preflightItemSchema),
  attempts: z.array(
    z.object({
      number: z.int(),
      worker: z.object({ id: z.uuid(), name: z.string() }),
      startedAt: z.date(),
      endedAt: z.date().nullable(),
      /** Step of the checkpoint it went on from; null: from the beginning. */
      fromStep: z.int().nullable(),
      outcome: attemptOutcomeSchema.nullable(),
      reason: z.string().nullable(),
    }),
  ),
  /** The checkpoint that its weights began with; null: those of the model. */
  branchedFrom: checkpointOriginSchema.nullable(),
  /** Runs that began with a checkpoint of this one, newest first. */
  branches: z.array(
    z.object({ id: z.uuid(), name: z.string(), kind: runKindSchema, step: z.int() }),
  ),
  /** The reason why a queued run is not taken yet, e.g. "no attached worker has the model …"; null otherwise. */
  waitingFor: z.string().nullable(),
  actions: z.array(runActionSchema),
});

export type RunDetail = z.infer<typeof runDetailSchema>;

export const runHistoryRequestSchema = z.object({ id: z.uuid() });

export const runHistoryResponseSchema = z.array(
  z.object({
    sequence: z.int(),
    at: z.date(),
    /** Null: the run was created. */
    from: runStateSchema.nullable(),
    to: runStateSchema,
    attempt: z.int(),
    actor: z.string(),
    reason: z.string().nullable(),
  }),
);

export const launchRunRequestSchema = z.object({
  /** Parsed with contracts/run-config; an error names every setting that is wrong. */
  config: z.unknown(),
  /** Preset it came from, for the list. */
  preset: z.string().max(100).nullish(),
});

export const launchRunResponseSchema = z.object({ id: z.uuid() });

export const logLevelSchema = logLineSchema.shape.level;

export const storedLogLineSchema = z.object({
  id: z.string(),
  at: z.date(),
  level: logLevelSchema,
  source: z.string(),
  message: z.string(),
  attempt: z.int().nullable(),
});

export const runLogsRequestSchema = z.object({
  id: z.uuid(),
  /** The first `limit` lines after this one. */
  after: rowIdSchema.nullish(),
  /** Without `after`: the last `limit` lines before this one; without either the last of all. */
  before: rowIdSchema.nullish(),
  /** This level and the graver ones. */
  level: logLevelSchema.default("debug"),
  /** Part of the message or the source, in any case. */
  text: z.string().max(200).optional(),
  limit: z.int().min(1).max(2000).default(500),
});

/** Oldest first. */
export const runLogsResponseSchema = z.object({ lines: z.array(storedLogLineSchema) });

export const runOfCheckpointRequestSchema = z.object({ checkpointId: z.uuid() });

export const runOfCheckpointResponseSchema = z.object({ runId: z.uuid() });

export const transitionRunRequestSchema = z.object({
  id: z.uuid(),
  reason: z.string().max(1000).nullish(),
});

export const transitionRunResponseSchema = z.object({ state: runStateSchema });

export const changeStepsRequestSchema = z.object({
  id: z.uuid(),
  /** Steps that the training run makes in total. */
  steps: z.int().min(1).max(1_000_000),
});

/** Before and after. */
export const changeStepsResponseSchema = z.object({ from: z.int(), to: z.int() });

export const servedModelsResponseSchema = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    /** As requests name it. */
    model: z.string(),
    /** Base URL, as a configuration's endpoint. */
    address: z.string(),
    /** Name of the stored key that it wants. */
    key: z.string().nullable(),
    worker: z.string(),
  }),
);
