import { z } from "zod";
import { procedure } from "../trpc";

export const runCheckpointsRequest = z.object({ id: z.uuid() });
export const runCheckpointsResponse = z.array(
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

/** Committed checkpoints that are still kept, newest first. */
export const runCheckpoints = procedure
  .input(runCheckpointsRequest)
  .output(runCheckpointsResponse)
  .query(({ ctx, input }) => ctx.services.artifacts.checkpoints(input.id));
