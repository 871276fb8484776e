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

/** Queued: cancelled at once. Held by a worker: cancelling until the worker has let go. */
const cancelRun = procedure
  .input(cancelRunRequestSchema)
  .output(cancelRunResponseSchema)
  .mutation(({ ctx, input }) =>
    ctx.services.runs.cancel(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
  );

const checkRun = procedure
  .input(checkRunRequestSchema)
  .output(checkRunResponseSchema)
  .query(({ ctx, input }) => ctx.services.launcher.check(input.config));

/** Committed checkpoints that are still kept, newest first. */
const runCheckpoints = procedure
  .input(runCheckpointsRequestSchema)
  .output(runCheckpointsResponseSchema)
  .query(({ ctx, input }) => ctx.services.artifacts.listCheckpoints(input.id));

const exportRun = procedure
  .input(exportRunRequestSchema)
  .output(exportRunResponseSchema)
  .query(({ ctx, input }) => ctx.services.runReader.export(input));

const listRuns = procedure
  .input(listRunsRequestSchema)
  .output(listRunsResponseSchema)
  .query(({ ctx, input }) => ctx.services.runReader.list(input));

const getRun = procedure
  .input(getRunRequestSchema)
  .output(runDetailSchema)
  .query(({ ctx, input }) => ctx.services.runReader.get(input.id));

const runHistory = procedure
  .input(runHistoryRequestSchema)
  .output(runHistoryResponseSchema)
  .query(({ ctx, input }) => ctx.services.runReader.listHistory(input.id));

const launchRun = procedure
  .input(launchRunRequestSchema)
  .output(launchRunResponseSchema)
  .mutation(({ ctx, input }) =>
    ctx.services.launcher.launch(input.config, { actor: ctx.actor, preset: input.preset ?? null }),
  );

const runLogs = procedure
  .input(runLogsRequestSchema)
  .output(runLogsResponseSchema)
  .query(({ ctx, input }) => ctx.services.logs.listOfRun(input.id, input));

/** The run that a kept checkpoint is of. */
const runOfCheckpoint = procedure
  .input(runOfCheckpointRequestSchema)
  .output(runOfCheckpointResponseSchema)
  .query(async ({ ctx, input }) => ({
    runId: await ctx.services.artifacts.findRun(input.checkpointId),
  }));

/** Queues a cancelled or failed run again; it goes on from its last committed checkpoint. */
const resumeRun = procedure
  .input(resumeRunRequestSchema)
  .output(resumeRunResponseSchema)
  .mutation(({ ctx, input }) =>
    ctx.services.runs.resume(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
  );

/** Models that running serve runs keep up, newest first. */
const servedModels = procedure
  .output(servedModelsResponseSchema)
  .query(({ ctx }) => ctx.services.runReader.listServedModels());

export const runsRouter = router({
  list: listRuns,
  get: getRun,
  launch: launchRun,
  check: checkRun,
  cancel: cancelRun,
  resume: resumeRun,
  history: runHistory,
  logs: runLogs,
  checkpoints: runCheckpoints,
  ofCheckpoint: runOfCheckpoint,
  export: exportRun,
  servedModels,
});
