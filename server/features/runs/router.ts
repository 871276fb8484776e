import {
  cancelRunRequest,
  cancelRunResponse,
  checkRunRequest,
  checkRunResponse,
  runCheckpointsRequest,
  runCheckpointsResponse,
  exportRunRequest,
  exportRunResponse,
  listRunsRequest,
  listRunsResponse,
  getRunRequest,
  runDetail,
  runHistoryRequest,
  runHistoryResponse,
  launchRunRequest,
  launchRunResponse,
  runLogsRequest,
  runLogsResponse,
  runOfCheckpointRequest,
  runOfCheckpointResponse,
  resumeRunRequest,
  resumeRunResponse,
  servedModelsResponse,
} from "@/contracts/api/runs";
import { procedure, router } from "@/server/trpc/trpc";

/** Queued: cancelled at once. Held by a worker: cancelling until the worker has let go. */
const cancelRun = procedure
  .input(cancelRunRequest)
  .output(cancelRunResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.runs.cancel(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
  );

const checkRun = procedure
  .input(checkRunRequest)
  .output(checkRunResponse)
  .query(({ ctx, input }) => ctx.services.launcher.check(input.config));

/** Committed checkpoints that are still kept, newest first. */
const runCheckpoints = procedure
  .input(runCheckpointsRequest)
  .output(runCheckpointsResponse)
  .query(({ ctx, input }) => ctx.services.artifacts.checkpoints(input.id));

const exportRun = procedure
  .input(exportRunRequest)
  .output(exportRunResponse)
  .query(({ ctx, input }) => ctx.services.runReader.export(input));

const listRuns = procedure
  .input(listRunsRequest)
  .output(listRunsResponse)
  .query(({ ctx, input }) => ctx.services.runReader.list(input));

const getRun = procedure
  .input(getRunRequest)
  .output(runDetail)
  .query(({ ctx, input }) => ctx.services.runReader.get(input.id));

const runHistory = procedure
  .input(runHistoryRequest)
  .output(runHistoryResponse)
  .query(({ ctx, input }) => ctx.services.runReader.history(input.id));

const launchRun = procedure
  .input(launchRunRequest)
  .output(launchRunResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.launcher.launch(input.config, { actor: ctx.actor, preset: input.preset ?? null }),
  );

const runLogs = procedure
  .input(runLogsRequest)
  .output(runLogsResponse)
  .query(({ ctx, input }) => ctx.services.logs.ofRun(input.id, input));

/** The run that a kept checkpoint is of. */
const runOfCheckpoint = procedure
  .input(runOfCheckpointRequest)
  .output(runOfCheckpointResponse)
  .query(async ({ ctx, input }) => ({
    runId: await ctx.services.artifacts.runOf(input.checkpointId),
  }));

/** Queues a cancelled or failed run again; it goes on from its last committed checkpoint. */
const resumeRun = procedure
  .input(resumeRunRequest)
  .output(resumeRunResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.runs.resume(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
  );

/** Models that running serve runs keep up, newest first. */
const servedModels = procedure
  .output(servedModelsResponse)
  .query(({ ctx }) => ctx.services.runReader.servedModels());

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
