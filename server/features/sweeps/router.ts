import {
  cancelSweepRequestSchema,
  cancelSweepResponseSchema,
  listSweepsRequestSchema,
  listSweepsResponseSchema,
  getSweepRequestSchema,
  getSweepResponseSchema,
  launchSweepRequestSchema,
  launchSweepResponseSchema,
  removeSweepRequestSchema,
  removeSweepResponseSchema,
  retrySweepRequestSchema,
  retrySweepResponseSchema,
  sweepSeriesRequestSchema,
  sweepSeriesResponseSchema,
} from "@/contracts/api/sweeps";
import { procedure, router } from "@/server/trpc/trpc";

export const sweepsRouter = router({
  /** Newest first. */
  list: procedure
    .input(listSweepsRequestSchema)
    .output(listSweepsResponseSchema)
    .query(({ ctx, input }) => ctx.services.sweepReader.list(input)),
  get: procedure
    .input(getSweepRequestSchema)
    .output(getSweepResponseSchema)
    .query(({ ctx, input }) => ctx.services.sweepReader.get(input)),
  series: procedure
    .input(sweepSeriesRequestSchema)
    .output(sweepSeriesResponseSchema)
    .query(({ ctx, input }) => ctx.services.sweepReader.readSeries(input)),
  /** All runs are queued, or none. */
  launch: procedure
    .input(launchSweepRequestSchema)
    .output(launchSweepResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.sweeps.launch(input.spec, {
        actor: ctx.actor,
        preset: input.preset ?? null,
        key: input.key,
      }),
    ),
  /** Every run that has not ended. */
  cancel: procedure
    .input(cancelSweepRequestSchema)
    .output(cancelSweepResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.sweeps.cancel(input.id, {
        actor: ctx.actor,
        reason: input.reason ?? "the sweep was cancelled",
      }),
    ),
  /** Queues the failed runs again, and the cancelled ones if asked; each goes on from its last checkpoint. */
  retry: procedure
    .input(retrySweepRequestSchema)
    .output(retrySweepResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.sweeps.retry(
        input.id,
        { cancelled: input.cancelled },
        { actor: ctx.actor, reason: "queued again with its sweep" },
      ),
    ),
  /** Forgets the group; its runs stay. Refused while runs have not ended. */
  remove: procedure
    .input(removeSweepRequestSchema)
    .output(removeSweepResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.sweeps.remove(input.id)),
});
