import {
  cancelSweepRequest,
  cancelSweepResponse,
  listSweepsRequest,
  listSweepsResponse,
  getSweepRequest,
  getSweepResponse,
  launchSweepRequest,
  launchSweepResponse,
  removeSweepRequest,
  removeSweepResponse,
  retrySweepRequest,
  retrySweepResponse,
  sweepSeriesRequest,
  sweepSeriesResponse,
} from "@/contracts/api/sweeps";
import { procedure, router } from "@/server/trpc/trpc";

/** Every run that has not ended. */
const cancelSweep = procedure
  .input(cancelSweepRequest)
  .output(cancelSweepResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.cancel(input.id, {
      actor: ctx.actor,
      reason: input.reason ?? "the sweep was cancelled",
    }),
  );

/** Newest first. */
const listSweeps = procedure
  .input(listSweepsRequest)
  .output(listSweepsResponse)
  .query(({ ctx, input }) => ctx.services.sweepReader.list(input));

const getSweep = procedure
  .input(getSweepRequest)
  .output(getSweepResponse)
  .query(({ ctx, input }) => ctx.services.sweepReader.get(input));

/** All runs are queued, or none. */
const launchSweep = procedure
  .input(launchSweepRequest)
  .output(launchSweepResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.launch(input.spec, {
      actor: ctx.actor,
      preset: input.preset ?? null,
      key: input.key,
    }),
  );

/** Forgets the group; its runs stay. Refused while runs have not ended. */
const removeSweep = procedure
  .input(removeSweepRequest)
  .output(removeSweepResponse)
  .mutation(({ ctx, input }) => ctx.services.sweeps.remove(input.id));

/** Queues the failed runs again, and the cancelled ones if asked; each goes on from its last checkpoint. */
const retrySweep = procedure
  .input(retrySweepRequest)
  .output(retrySweepResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.sweeps.retry(
      input.id,
      { cancelled: input.cancelled },
      { actor: ctx.actor, reason: "queued again with its sweep" },
    ),
  );

const sweepSeries = procedure
  .input(sweepSeriesRequest)
  .output(sweepSeriesResponse)
  .query(({ ctx, input }) => ctx.services.sweepReader.series(input));

export const sweepsRouter = router({
  list: listSweeps,
  get: getSweep,
  series: sweepSeries,
  launch: launchSweep,
  cancel: cancelSweep,
  retry: retrySweep,
  remove: removeSweep,
});
