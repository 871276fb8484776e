import {
  checkpointsRequestSchema,
  checkpointsResponseSchema,
  compareRequestSchema,
  compareResponseSchema,
  compareQuestionsRequestSchema,
  compareQuestionsResponseSchema,
} from "@/contracts/api/compare";
import { procedure, router } from "@/server/trpc/trpc";

const compareCheckpoints = procedure
  .input(checkpointsRequestSchema)
  .output(checkpointsResponseSchema)
  .query(({ ctx, input }) => ctx.services.predictionComparison.listCheckpoints(input));

const compareRuns = procedure
  .input(compareRequestSchema)
  .output(compareResponseSchema)
  .query(({ ctx, input }) => ctx.services.predictionComparison.compare(input));

const compareQuestions = procedure
  .input(compareQuestionsRequestSchema)
  .output(compareQuestionsResponseSchema)
  .query(({ ctx, input }) => ctx.services.predictionComparison.listQuestions(input));

export const compareRouter = router({
  get: compareRuns,
  questions: compareQuestions,
  checkpoints: compareCheckpoints,
});
