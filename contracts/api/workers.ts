import { z } from "zod";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { progressSchema } from "@/contracts/worker-protocol/reports";
import {
  attachRequestSchema,
  hardwareSchema,
  serviceReportSchema,
  slotsSchema,
} from "@/contracts/worker-protocol/attach";
import { storedLogLineSchema, logLevelSchema } from "@/contracts/api/runs";
import { rowIdSchema } from "./row-id";

export const createTokenRequestSchema = z.object({
  name: z.string().trim().min(1, "give the token a name").max(120),
  /** Address under which the worker reaches this server; the page gives its own origin. */
  serverUrl: z.url({ protocol: /^https?$/ }),
});

export const createTokenResponseSchema = z.object({
  id: z.uuid(),
  /** Shown this once; only its hash is stored. */
  token: z.string(),
  /** To be run in a clone of the repository on the worker's machine. */
  command: z.string(),
});

export const workerRowSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  state: z.enum(["online", "offline"]),
  lastSeenAt: z.date(),
  attachedAt: z.date(),
  hardware: hardwareSchema,
  slots: slotsSchema,
  freeSlots: slotsSchema,
  capabilities: attachRequestSchema.shape.capabilities,
  services: z.array(serviceReportSchema),
  /** The last hour, at most 120 points, oldest first. Shares 0..1. */
  usage: z.array(
    z.object({
      at: z.date(),
      cpu: z.number(),
      memoryMb: z.number(),
      gpus: z.array(z.object({ utilisation: z.number(), memoryMb: z.number() })),
    }),
  ),
  runs: z.array(
    z.object({
      id: z.uuid(),
      name: z.string(),
      kind: runKindSchema,
      state: runStateSchema,
      attempt: z.int(),
      progress: progressSchema.nullable(),
    }),
  ),
  tasks: z.array(
    z.object({ id: z.uuid(), kind: z.string(), detail: z.string(), fraction: z.number() }),
  ),
  /** The last 20 lines that belong to no run. */
  logs: z.array(storedLogLineSchema),
});

export type WorkerRow = z.infer<typeof workerRowSchema>;

export const workerLogsRequestSchema = z.object({
  workerId: z.uuid(),
  after: rowIdSchema.nullish(),
  level: logLevelSchema.default("debug"),
  limit: z.int().min(1).max(2000).default(500),
});

export const revokeTokenRequestSchema = z.object({ id: z.uuid() });

export const listTokensResponseSchema = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    createdAt: z.date(),
    createdBy: z.string(),
    lastUsedAt: z.date().nullable(),
    revokedAt: z.date().nullable(),
  }),
);
