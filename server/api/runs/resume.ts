import { z } from "zod";
import { runState } from "@/contracts/run-state";
import { procedure } from "../trpc";

export const resumeRunRequest = z.object({ id: z.uuid(), reason: z.string().max(1000).nullish() });
export const resumeRunResponse = z.object({ state: runState });

/** Queues a cancelled or failed run again; it goes on from its last committed checkpoint. */
export const resumeRun = procedure
  .input(resumeRunRequest)
  .output(resumeRunResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.runs.resume(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
  );
