import { z } from "zod";
import { procedure } from "../trpc";

export const runOfCheckpointRequest = z.object({ checkpointId: z.uuid() });
export const runOfCheckpointResponse = z.object({ runId: z.uuid() });

/** The run that a kept checkpoint is of. */
export const runOfCheckpoint = procedure
  .input(runOfCheckpointRequest)
  .output(runOfCheckpointResponse)
  .query(async ({ ctx, input }) => ({
    runId: await ctx.services.artifacts.runOf(input.checkpointId),
  }));
