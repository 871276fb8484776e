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

/** Every run that has not ended. */
const cancelSweep = procedure
  .input(cancelSweepRequestSchema)
  .output(cancelSweepResponseSchema)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.cancel(input.id, {
      actor: ctx.actor,
      reason: input.reason ?? "the sweep was cancelled",
    }),
  );

/** Newest first. */
const listSweeps = procedure
  .input(listSweepsRequestSchema)
  .output(listSweepsResponseSchema)
  .query(({ ctx, input }) => ctx.services.sweepReader.list(input));

const getSweep = procedure
  .input(getSweepRequestSchema)
  .output(getSweepResponseSchema)
  .query(({ ctx, input }) => ctx.services.sweepReader.get(input));

/** All runs are queued, or none. */
const launchSweep = procedure
  .input(launchSweepRequestSchema)
  .output(launchSweepResponseSchema)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.launch(input.spec, {
      actor: ctx.actor,
      preset: input.preset ?? null,
      key: input.key,
    }),
  );

/** Forgets the group; its runs stay. Refused while runs have not ended. */
const removeSweep = procedure
  .input(removeSweepRequestSchema)
  .output(removeSweepResponseSchema)
  .mutation(({ ctx, input }) => ctx.services.sweeps.remove(input.id));

/** Queues the failed runs again, and the cancelled ones if asked; each goes on from its last checkpoint. */
const retrySweep = procedure
  .input(retrySweepRequestSchema)
  .output(retrySweepResponseSchema)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.retry(
      input.id,
      { cancelled: input.cancelled },
      { actor: ctx.actor, reason: "queued again with its sweep" },
    ),
  );

const sweepSeries = procedure
  .input(sweepSeriesRequestSchema)
  .output(sweepSeriesResponseSchema)
  .query(({ ctx, input }) => ctx.services.sweepReader.readSeries(input));

export const sweepsRouter = router({
  list: listSweeps,
  get: getSweep,
  series: sweepSeries,
  launch: launchSweep,
  cancel: cancelSweep,
  retry: retrySweep,
  remove: removeSweep,
});
