import {
  checkpointsRequestSchema,
  checkpointsResponseSchema,
  compareRequestSchema,
  compareResponseSchema,
  compareQuestionsRequestSchema,
  compareQuestionsResponseSchema,
} from "@/contracts/api/compare";
import { procedure, router } from "@/server/trpc/trpc";

export const compareRouter = router({
  get: procedure
    .input(compareRequestSchema)
    .output(compareResponseSchema)
    .query(({ ctx, input }) => ctx.services.predictionComparison.compare(input)),
  questions: procedure
    .input(compareQuestionsRequestSchema)
    .output(compareQuestionsResponseSchema)
    .query(({ ctx, input }) => ctx.services.predictionComparison.listQuestions(input)),
  checkpoints: procedure
    .input(checkpointsRequestSchema)
    .output(checkpointsResponseSchema)
    .query(({ ctx, input }) => ctx.services.predictionComparison.listCheckpoints(input)),
});
