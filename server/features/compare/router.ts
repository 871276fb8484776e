import {
  checkpointsRequest,
  checkpointsResponse,
  compareRequest,
  compareResponse,
  compareQuestionsRequest,
  compareQuestionsResponse,
} from "@/contracts/api/compare";
import { procedure, router } from "@/server/trpc/trpc";

const compareCheckpoints = procedure
  .input(checkpointsRequest)
  .output(checkpointsResponse)
  .query(({ ctx, input }) => ctx.services.compare.checkpoints(input));

const compareRuns = procedure
  .input(compareRequest)
  .output(compareResponse)
  .query(({ ctx, input }) => ctx.services.compare.get(input));

const compareQuestions = procedure
  .input(compareQuestionsRequest)
  .output(compareQuestionsResponse)
  .query(({ ctx, input }) => ctx.services.compare.questions(input));

export const compareRouter = router({
  get: compareRuns,
  questions: compareQuestions,
  checkpoints: compareCheckpoints,
});
