import { z } from "zod";
import { procedure } from "../trpc";

export const retrySweepRequest = z.object({ id: z.uuid(), cancelled: z.boolean().default(false) });
export const retrySweepResponse = z.object({ queued: z.int() });

/** Queues the failed runs again, and the cancelled ones if asked; each goes on from its last checkpoint. */
export const retrySweep = procedure
  .input(retrySweepRequest)
  .output(retrySweepResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.retry(
      input.id,
      { cancelled: input.cancelled },
      { actor: ctx.actor, reason: "queued again with its sweep" },
    ),
  );
