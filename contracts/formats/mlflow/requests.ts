import { z } from "zod";
import { runIdSchema } from "@/contracts/records/run-id";
import { metricNameSchema } from "@/contracts/records/metric-point";

/**
 * The requests of MLflow's tracking REST API (2.0) that are answered, as its clients of versions 2 and 3 send them. What a
 * request holds besides is ignored, as MLflow ignores it. https://mlflow.org/docs/latest/api_reference/rest-api.html
 */

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INTEGER = /^-?\d+$/;

/** Protobuf's JSON writes doubles that are no numbers as texts, and may write any number as one. */
const doubleSchema = z.union([
  z.number(),
  z.enum(["NaN", "Infinity", "-Infinity"]).transform(Number),
  z.string().regex(NUMBER, "not a number").transform(Number),
]);
/** Protobuf's JSON writes 64-bit integers as texts; they are exact up to 2^53. */
const integerSchema = z.union([z.int(), z.string().regex(INTEGER).transform(Number)]).pipe(z.int());
const millisecondsSchema = integerSchema.pipe(
  z.number().min(0, "a time in milliseconds since 1970").max(8.64e15),
);
const experimentIdSchema = z
  .union([z.string(), z.int()])
  .transform(String)
  .pipe(z.string().regex(/^\d{1,18}$/, "no id of an experiment: it is a number"));

/** A request about a run, which older clients name `run_uuid`. */
const defineRunRequest = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess(
    (value) =>
      value !== null && typeof value === "object" && !("run_id" in value) && "run_uuid" in value
        ? { ...value, run_id: value.run_uuid }
        : value,
    z.object({ run_id: runIdSchema, ...shape }),
  );

const keySchema = metricNameSchema;
/** Items of one kind in a request; MLflow's clients send at most 1000. */
const MOST_ITEMS = 10_000;
const tagSchema = z.object({ key: keySchema, value: z.string().max(100_000).default("") });
const parameterSchema = z.object({ key: keySchema, value: z.string().max(8_000).default("") });

/** A point; `value` may be no number, and `step` any that a client has. */
const metricSchema = z.object({
  key: keySchema,
  value: doubleSchema,
  timestamp: millisecondsSchema,
  step: integerSchema.default(0),
});
export type MlflowMetric = z.output<typeof metricSchema>;

const RUN_STATUSES = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"] as const;
/** Older clients send the number of the enumeration. */
const statusSchema = z.union([
  z.enum(RUN_STATUSES),
  z
    .int()
    .min(1)
    .max(5)
    .transform((number) => RUN_STATUSES[number - 1]!),
]);
export type RunStatus = z.output<typeof statusSchema>;

const viewSchema = z.enum(["ACTIVE_ONLY", "DELETED_ONLY", "ALL"]).default("ACTIVE_ONLY");
const pageSchema = {
  max_results: integerSchema.pipe(z.number().positive()).default(1_000),
  page_token: z.string().optional(),
};
const nameSchema = z.string().trim().min(1, "give the experiment a name").max(500);

/** Of requests that a worker forwards for one of its commands: id of that run. */
export const COMMAND_HEADER = "x-s3-command";

/** Corpus of rollouts that name none of ours. */
export const OTHER_CORPUS = "external";

/** What rollouts are of. */
const rolloutTarget = {
  run_id: runIdSchema,
  questions: z.string().min(1, "name the question set that the rollouts answer"),
  corpus: z.string().min(1).max(120).default(OTHER_CORPUS),
};

export const mlflowRequests = {
  anything: z.looseObject({}),
  createExperiment: z.object({ name: nameSchema, tags: z.array(tagSchema).default([]) }),
  experiment: z.object({ experiment_id: experimentIdSchema }),
  experimentByName: z.object({ experiment_name: z.string() }),
  searchExperiments: z.object({
    filter: z.string().default(""),
    order_by: z.array(z.string()).default([]),
    view_type: viewSchema,
    ...pageSchema,
  }),
  updateExperiment: z.object({ experiment_id: experimentIdSchema, new_name: nameSchema }),
  setExperimentTag: z.object({ experiment_id: experimentIdSchema, ...tagSchema.shape }),
  createRun: z.object({
    experiment_id: experimentIdSchema.default("0"),
    user_id: z.string().max(256).default(""),
    run_name: z.string().max(1_000).default(""),
    start_time: millisecondsSchema.optional(),
    tags: z.array(tagSchema).default([]),
  }),
  run: defineRunRequest({}),
  updateRun: defineRunRequest({
    status: statusSchema.optional(),
    end_time: millisecondsSchema.optional(),
    run_name: z.string().max(1_000).optional(),
  }),
  searchRuns: z.object({
    experiment_ids: z.array(experimentIdSchema).default([]),
    filter: z.string().default(""),
    run_view_type: viewSchema,
    order_by: z.array(z.string()).default([]),
    ...pageSchema,
  }),
  logMetric: defineRunRequest(metricSchema.shape),
  logParameter: defineRunRequest(parameterSchema.shape),
  logBatch: defineRunRequest({
    metrics: z.array(metricSchema).max(MOST_ITEMS).default([]),
    params: z.array(parameterSchema).max(MOST_ITEMS).default([]),
    tags: z.array(tagSchema).max(MOST_ITEMS).default([]),
  }),
  setTag: defineRunRequest(tagSchema.shape),
  deleteTag: defineRunRequest({ key: keySchema }),
  logInputs: defineRunRequest({
    datasets: z
      .array(
        z.object({
          dataset: z.object({ name: z.string(), digest: tagSchema.shape.value }),
        }),
      )
      .default([]),
  }),
  metricHistory: defineRunRequest({
    metric_key: z.string(),
    max_results: integerSchema.pipe(z.number().positive()).optional(),
    page_token: z.string().optional(),
  }),
  metricHistories: z.object({
    run_ids: z.array(runIdSchema).min(1).max(100),
    metric_key: z.string(),
    start_step: integerSchema.optional(),
    end_step: integerSchema.optional(),
    max_results: integerSchema.pipe(z.number().positive().max(2_500)).default(2_500),
  }),
  listArtifacts: defineRunRequest({ path: z.string().default("") }),
  /** Not MLflow's: of which run spans of OpenTelemetry are. */
  traces: z.object(rolloutTarget),
  /** Not MLflow's: a piece of a file of rollouts, whose lines are the body. */
  rollouts: z.object({
    file: z.string().min(1).max(200),
    /** Number of the first line in its file, from 0. */
    line: integerSchema.pipe(z.number().min(0)).default(0),
    ...rolloutTarget,
    /** What all of the lines are; without it each line's own place says so (verl's own name no phase: train). */
    phase: z.enum(["train", "held-out"]).optional(),
    /** verl: rollout_data_dir, validation_data_dir; verifiers: its saved results; otlp: what a collector writes of OpenInference's spans. */
    format: z.enum(["verl", "verifiers", "otlp"]).default("verl"),
  }),
} as const;
export type MlflowRolloutsRequest = z.output<typeof mlflowRequests.rollouts>;
