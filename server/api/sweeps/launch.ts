import { z } from "zod";
import { procedure } from "../trpc";

export const launchSweepRequest = z.object({
  /** Parsed with contracts/sweep.ts; an error names every problem by run and path. */
  spec: z.unknown(),
  /** Preset it came from, for the lists. */
  preset: z.string().max(100).nullish(),
  /** Chosen by the client: a launch that is sent twice makes one sweep. */
  key: z.string().trim().min(1).max(200),
});
export const launchSweepResponse = z.object({
  id: z.uuid(),
  runs: z.int(),
  /** False where it had been launched under this key before. */
  isNew: z.boolean(),
});

/** All runs are queued, or none. */
export const launchSweep = procedure
  .input(launchSweepRequest)
  .output(launchSweepResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.launch(input.spec, {
      actor: ctx.actor,
      preset: input.preset ?? null,
      key: input.key,
    }),
  );
