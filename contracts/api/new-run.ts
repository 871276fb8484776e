import { z } from "zod";
import { runKindSchema } from "@/contracts/records/run-state";
import { settingGroupSchema } from "@/contracts/run-config/setting-group";
import { memoryEstimateSchema } from "./runs";

/** What the form of a new run is told beyond the check: checkpoints to choose from, and how long runs like it took. */

/** A kind of run, and what it serves where it serves. */
export const listSettingsRequestSchema = z.object({
  kind: runKindSchema,
  served: z.enum(["model", "retriever"]).default("retriever"),
});
/** All settings of such a run. */
export const listSettingsResponseSchema = z.array(settingGroupSchema);

export const checkpointChoicesRequestSchema = z.object({
  /** A checkpoint that is listed in any case, as the form names it. */
  chosen: z.uuid().nullish(),
});

/** Kept checkpoints, the newest first; at most 200. */
export const checkpointChoicesResponseSchema = z.array(
  z.object({
    id: z.uuid(),
    step: z.int(),
    createdAt: z.date(),
    runId: z.uuid(),
    run: z.string(),
    /** The model that it is of. */
    model: z.string().nullable(),
  }),
);
export type CheckpointChoice = z.infer<typeof checkpointChoicesResponseSchema>[number];

export const projectTimeRequestSchema = z.object({ config: z.unknown() });

/** Null where no run that ended here was like it, so that nothing is known. */
export const projectTimeResponseSchema = z
  .object({
    /** Median over runs like it, each scaled to the new one's size. */
    seconds: z.number(),
    low: z.number(),
    high: z.number(),
    /** Runs that it is taken from. */
    runs: z.int(),
    /** What was scaled: episodes or questions. */
    unit: z.string(),
    workers: z.array(z.string()),
  })
  .nullable();

/** GPUs that a person thinks of, attached or not, all of one size. */
export const planMemoryRequestSchema = z.object({
  config: z.unknown(),
  gpus: z.int().min(1, "give at least one GPU").max(1024, "give at most 1024 GPUs"),
  gibibytes: z.number().positive("give a GPU's memory in GiB").max(4096),
});

/** Memory of each GPU; null where the shape of one of the models is not known. */
export const planMemoryResponseSchema = memoryEstimateSchema.nullable();
