import { z } from "zod";

export const externalRunRequestSchema = z.object({ runId: z.uuid() });

/** What a trainer reported of its run, beside the curves and the configuration. */
export const externalRunResponseSchema = z.object({
  /** Whoever the trainer says it runs for; empty where it says nothing. */
  reportedBy: z.string(),
  /** When it last said anything. */
  heardAt: z.date(),
  /** Its tags by MLflow's names. */
  tags: z.record(z.string(), z.string()),
  /** Episodes that were made of its rollouts. */
  episodes: z.int(),
  /** Its files, each under /artifacts/ID/NAME. */
  files: z.array(z.object({ id: z.uuid(), path: z.string(), name: z.string(), bytes: z.number() })),
});
