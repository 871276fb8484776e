import { z } from "zod";
import { runIdSchema } from "@/contracts/records/run-id";
import { runKindSchema, runStateSchema } from "@/contracts/records/run-state";
import { runConfigSchema } from "@/contracts/run-config/run-config";

/** Any runs beside each other: their metrics, configurations and environments. */

/** Ids may be without hyphens, as in addresses that were made of what MLflow returned. */
export const compareRunsRequestSchema = z.object({ ids: z.array(runIdSchema).min(1).max(200) });

const metricSummarySchema = z.object({
  last: z.number(),
  /** Extremes of the points that survive; null where they are not known. */
  least: z.number().nullable(),
  greatest: z.number().nullable(),
});

export const comparedRunSchema = z.object({
  id: z.uuid(),
  name: z.string(),
  kind: runKindSchema,
  state: runStateSchema,
  createdAt: z.date(),
  /** Another program's files that the run was made of; its configuration then has defaults for what they do not name. */
  importedFrom: z.string().nullable(),
  deletedAt: z.date().nullable(),
  tags: z.array(z.string()),
  config: runConfigSchema,
  /** Values of settings that the configuration leaves out, by path: the page loads no schemas to find them. */
  leftOut: z.record(z.string(), z.unknown()),
  /** What its last attempt ran on, by name ("cpu", "node"); null where it was not recorded. */
  environment: z.record(z.string(), z.string()).nullable(),
  metrics: z.record(z.string(), metricSummarySchema),
});
export type ComparedRun = z.infer<typeof comparedRunSchema>;

export const compareRunsResponseSchema = z.object({
  /** In the order in which they were asked for. */
  runs: z.array(comparedRunSchema),
  /** Of those that were asked for, how many there are not. */
  missing: z.int(),
});
