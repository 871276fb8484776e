import { z } from "zod";
import { clusterStatusSchema } from "@/contracts/engine/cluster";
import { attemptRefSchema } from "./attempt";
import { modelShapeSchema } from "./model-shape";

/** What a worker reports of itself when it attaches, and with every heartbeat. */

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

/** The one list of what services there are: the database stores any kind that passed it. */
export const serviceKindSchema = z.enum(["engine", "retriever", "generator", "sampler"]);
const serviceStateSchema = z.enum(["starting", "ready", "failed", "stopped"]);

export const serviceReportSchema = z.object({
  /** Unique on the worker, e.g. "engine" or "retriever:atlas:minilm-int8". */
  key: z.string(),
  kind: serviceKindSchema,
  state: serviceStateSchema,
  /** What it is doing while it starts, e.g. "encoding documents: 640 / 1159". */
  detail: z.string(),
  error: z.string().nullable(),
  memoryMb: z.number().nonnegative().nullable(),
  /** Loopback address on the worker. */
  address: z.string().nullable(),
  /** How many runs and tasks hold it. */
  references: z.int().nonnegative(),
  startedAt: z.number().nullable(),
  /** Of an engine whose ranks share a model: its machines, and where the ranks are; of one that has stopped, as it was. */
  cluster: clusterStatusSchema.nullish(),
});
export type ServiceReport = z.infer<typeof serviceReportSchema>;

/** An `engine` slot holds a training or predict run; a `light` slot any other run. */
export const slotsSchema = z.object({
  engine: z.int().nonnegative(),
  light: z.int().nonnegative(),
});

/** What a model that writes no text is for: vectors of passages, orders of passages, values of states. */
const modelRoleSchema = z.enum(["encoder", "reranker", "critic"]);
export type ModelRole = z.infer<typeof modelRoleSchema>;

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
    /** What those of them that write no text are for, by name; whatever is not named writes text. */
    modelRoles: z.record(z.string(), modelRoleSchema).optional(),
    corpora: z.array(z.string()),
    device: z.string(),
    dtype: z.string(),
    /** GPUs, or processes on a CPU, that train one model together; null: of a Ray cluster, known once the engine has joined it. */
    ranks: z.int().positive().nullish(),
    /** Of the models whose architecture the engine computes, by name: what a memory estimate needs. */
    shapes: z.record(z.string(), modelShapeSchema).optional(),
    /** Version of an installed vLLM. */
    vllm: z.string().nullish(),
    /** Address of the Tinker service that trains in place of its engine; absent: its engine trains. */
    tinker: z.string().optional(),
    /** Whether whoever started it lets it run commands. */
    commands: z.boolean().optional(),
    /** What its results may depend on, by name: "commit", "node", "torch". */
    software: z.record(z.string(), z.string()).optional(),
  }),
});
