import { z } from "zod";
import { traceMappingSchema } from "@/contracts/formats/traces/mapping";

/** What of a run's rollouts is no part of an episode, and why. */
export const rolloutIssueSchema = z.object({
  format: z.string(),
  reason: z.string(),
  count: z.int(),
  example: z.string(),
  lastAt: z.date(),
});

/** A run of naive RAG that another trainer's episodes are compared with. */
const externalBaselineSchema = z.object({
  runId: z.uuid(),
  corpus: z.string(),
  scorer: z.string(),
});
export type ExternalBaseline = z.infer<typeof externalBaselineSchema>;

export const externalRunRequestSchema = z.object({ runId: z.uuid() });

/** What a trainer reported of its run, beside the curves and the configuration. */
export const externalRunResponseSchema = z.object({
  /** Whoever the trainer says it runs for; empty where it says nothing. */
  reportedBy: z.string(),
  /** When it last said anything. */
  heardAt: z.date(),
  /** Its tags by MLflow's names. */
  tags: z.record(z.string(), z.string()),
  /** What it reported of its own configuration. */
  parameters: z.record(z.string(), z.string()),
  /** Episodes that were made of its rollouts. */
  episodes: z.int(),
  issues: z.array(rolloutIssueSchema),
  /** Traces that are no episode yet, as a span of theirs is missing. */
  waitingTraces: z.int(),
  /** The run of naive RAG that its episodes are compared with; null: there is none yet. */
  baseline: externalBaselineSchema.nullable(),
  /** Its files, each under /artifacts/ID/NAME. */
  files: z.array(z.object({ id: z.uuid(), path: z.string(), name: z.string(), bytes: z.number() })),
});

/** Where the rollouts and traces of other trainers are read; version 0 is the one that every project begins with. */
export const traceMappingsResponseSchema = z.array(
  z.object({
    mapping: traceMappingSchema,
    initial: traceMappingSchema,
    version: z.int(),
    createdBy: z.string().nullable(),
    createdAt: z.date().nullable(),
  }),
);

export const saveTraceMappingRequestSchema = z.object({
  mapping: traceMappingSchema,
  /** The version that was edited. */
  version: z.int().nonnegative(),
});
