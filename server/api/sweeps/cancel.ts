import { z } from "zod";
import { procedure } from "../trpc";

export const cancelSweepRequest = z.object({
  id: z.uuid(),
  reason: z.string().max(1000).nullish(),
});
export const cancelSweepResponse = z.object({
  cancelled: z.int(),
  /** Held by a worker: cancelling until it has let go. */
  cancelling: z.int(),
});

/** Every run that has not ended. */
export const cancelSweep = procedure
  .input(cancelSweepRequest)
  .output(cancelSweepResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.cancel(input.id, {
      actor: ctx.actor,
      reason: input.reason ?? "the sweep was cancelled",
    }),
  );
