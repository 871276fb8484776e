import { runReportRequestSchema, runReportResponseSchema } from "@/contracts/api/report";
import { runLearningRequestSchema, runLearningResponseSchema } from "@/contracts/api/learning";
import {
  cancelRunRequestSchema,
  cancelRunResponseSchema,
  checkRunRequestSchema,
  checkRunResponseSchema,
  runCheckpointsRequestSchema,
  runCheckpointsResponseSchema,
  exportRunRequestSchema,
  exportRunResponseSchema,
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
  changeStepsRequestSchema,
  changeStepsResponseSchema,
  transitionRunRequestSchema,
  transitionRunResponseSchema,
  servedModelsResponseSchema,
} from "@/contracts/api/runs";
import {
  listRunsRequestSchema,
  matchingRunsResponseSchema,
  runFacetsResponseSchema,
  runFilterSchema,
  updateRunsRequestSchema,
  updateRunsResponseSchema,
} from "@/contracts/api/run-list";
import {
  checkpointChoicesRequestSchema,
  checkpointChoicesResponseSchema,
  planMemoryRequestSchema,
  planMemoryResponseSchema,
  projectTimeRequestSchema,
  projectTimeResponseSchema,
} from "@/contracts/api/new-run";
import {
  compareRunsRequestSchema,
  compareRunsResponseSchema,
} from "@/contracts/api/run-comparison";
import { procedure, router } from "@/server/trpc/trpc";

export const runsRouter = router({
  list: procedure
    .input(listRunsRequestSchema)
    .output(listRunsResponseSchema)
    .query(({ ctx, input }) => ctx.services.runReader.list(input)),
  /** Which runs pass a filter, for actions on all of them. */
  matching: procedure
    .input(runFilterSchema)
    .output(matchingRunsResponseSchema)
    .query(({ ctx, input }) => ctx.services.runReader.listMatching(input)),
  /** What filters and columns of the list can be chosen from. */
  facets: procedure
    .output(runFacetsResponseSchema)
    .query(({ ctx }) => ctx.services.runReader.listFacets()),
  /** Any runs beside each other. */
  compare: procedure
    .input(compareRunsRequestSchema)
    .output(compareRunsResponseSchema)
    .query(({ ctx, input }) => ctx.services.runComparison.read(input.ids)),
  /** Names, notes, tags, what is put away and what is deleted. */
  update: procedure
    .input(updateRunsRequestSchema)
    .output(updateRunsResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.runOrganiser.update(input)),
  get: procedure
    .input(getRunRequestSchema)
    .output(runDetailSchema)
    .query(({ ctx, input }) => ctx.services.runReader.get(input.id)),
  /** Whether training runs learn, with the evidence. */
  learning: procedure
    .input(runLearningRequestSchema)
    .output(runLearningResponseSchema)
    .query(({ ctx, input }) => ctx.services.learningReader.read(input.ids)),
  /** What a report of the run shows. */
  report: procedure
    .input(runReportRequestSchema)
    .output(runReportResponseSchema)
    .query(({ ctx, input }) => ctx.services.reportReader.read(input.id)),
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
  /** Checkpoints that a new run can begin with. */
  checkpointChoices: procedure
    .input(checkpointChoicesRequestSchema)
    .output(checkpointChoicesResponseSchema)
    .query(({ ctx, input }) => ctx.services.newRun.listCheckpoints(input.chosen ?? null)),
  /** Memory of a training run on GPUs that need not be attached. */
  planMemory: procedure
    .input(planMemoryRequestSchema)
    .output(planMemoryResponseSchema)
    .query(({ ctx, input }) => ctx.services.launcher.planMemory(input)),
  /** How long a run will take, by runs like it that ended. */
  projectTime: procedure
    .input(projectTimeRequestSchema)
    .output(projectTimeResponseSchema)
    .query(({ ctx, input }) => ctx.services.newRun.projectTime(input.config)),
  /** Queued: cancelled at once. Held by a worker: cancelling until the worker has let go. */
  cancel: procedure
    .input(cancelRunRequestSchema)
    .output(cancelRunResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.runs.cancel(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
    ),
  /** Queued: paused at once. Held by a worker: pausing until it has saved what the run goes on from. */
  pause: procedure
    .input(transitionRunRequestSchema)
    .output(transitionRunResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.runs.pause(input.id, { actor: ctx.actor, reason: input.reason ?? null }),
    ),
  /** Raises or lowers the steps of a training run that has not ended; a worker that has it follows at its next step. */
  changeSteps: procedure
    .input(changeStepsRequestSchema)
    .output(changeStepsResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.runs.changeSteps(input.id, input.steps, { actor: ctx.actor, reason: null }),
    ),
  /** Queues a paused, cancelled or failed run again; it goes on from its last committed checkpoint. */
  resume: procedure
    .input(transitionRunRequestSchema)
    .output(transitionRunResponseSchema)
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
    .query(({ ctx, input }) => ctx.services.logs.listForRun(input.id, input)),
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
