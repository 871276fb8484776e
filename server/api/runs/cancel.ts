import { z } from "zod";
import { runState } from "@/contracts/run-state";
import { procedure } from "../trpc";

export const cancelRunRequest = z.object({ id: z.uuid(), reason: z.string().max(1000).nullish() });
export const cancelRunResponse = z.object({ state: runState });

/** Queued: cancelled at once. Held by a worker: cancelling until the worker has let go. */
export const cancelRun = procedure
  .input(cancelRunRequest)
  .output(cancelRunResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.runs.cancel(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
  );
