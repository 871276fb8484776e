import {
  cancelRunRequestSchema,
  cancelRunResponseSchema,
  checkRunRequestSchema,
  checkRunResponseSchema,
  runCheckpointsRequestSchema,
  runCheckpointsResponseSchema,
  exportRunRequestSchema,
  exportRunResponseSchema,
  listRunsRequestSchema,
  listRunsResponseSchema,
  getRunRequestSchema,
  runDetailSchema,
  runHistoryRequestSchema,
  runHistoryResponseSchema,
  launchRunRequestSchema,
  launchRunResponseSchema,
  runLogsRequestSchema,
  runLogsResponseSchema,
  runOfCheckpointRequestSchema,
  runOfCheckpointResponseSchema,
  resumeRunRequestSchema,
  resumeRunResponseSchema,
  servedModelsResponseSchema,
} from "@/contracts/api/runs";
import { procedure, router } from "@/server/trpc/trpc";

export const runsRouter = router({
  list: procedure
    .input(listRunsRequestSchema)
    .output(listRunsResponseSchema)
    .query(({ ctx, input }) => ctx.services.runReader.list(input)),
  get: procedure
    .input(getRunRequestSchema)
    .output(runDetailSchema)
    .query(({ ctx, input }) => ctx.services.runReader.get(input.id)),
  launch: procedure
    .input(launchRunRequestSchema)
    .output(launchRunResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.launcher.launch(input.config, {
        actor: ctx.actor,
        preset: input.preset ?? null,
      }),
    ),
  check: procedure
    .input(checkRunRequestSchema)
    .output(checkRunResponseSchema)
    .query(({ ctx, input }) => ctx.services.launcher.check(input.config)),
  /** Queued: cancelled at once. Held by a worker: cancelling until the worker has let go. */
  cancel: procedure
    .input(cancelRunRequestSchema)
    .output(cancelRunResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.runs.cancel(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
    ),
  /** Queues a cancelled or failed run again; it goes on from its last committed checkpoint. */
  resume: procedure
    .input(resumeRunRequestSchema)
    .output(resumeRunResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.runs.resume(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
    ),
  history: procedure
    .input(runHistoryRequestSchema)
    .output(runHistoryResponseSchema)
    .query(({ ctx, input }) => ctx.services.runReader.listHistory(input.id)),
  logs: procedure
    .input(runLogsRequestSchema)
    .output(runLogsResponseSchema)
    .query(({ ctx, input }) => ctx.services.logs.listOfRun(input.id, input)),
  /** Committed checkpoints that are still kept, newest first. */
  checkpoints: procedure
    .input(runCheckpointsRequestSchema)
    .output(runCheckpointsResponseSchema)
    .query(({ ctx, input }) => ctx.services.artifacts.listCheckpoints(input.id)),
  /** The run that a kept checkpoint is of. */
  ofCheckpoint: procedure
    .input(runOfCheckpointRequestSchema)
    .output(runOfCheckpointResponseSchema)
    .query(async ({ ctx, input }) => ({
      runId: await ctx.services.artifacts.findRun(input.checkpointId),
    })),
  export: procedure
    .input(exportRunRequestSchema)
    .output(exportRunResponseSchema)
    .query(({ ctx, input }) => ctx.services.runReader.export(input)),
  /** Models that running serve runs keep up, newest first. */
  servedModels: procedure
    .output(servedModelsResponseSchema)
    .query(({ ctx }) => ctx.services.runReader.listServedModels()),
});
