import {
  compareRetrieversRequestSchema,
  compareRetrieversResponseSchema,
  listEvaluationsResponseSchema,
  rankedQuestionsRequestSchema,
  rankedQuestionsResponseSchema,
} from "@/contracts/api/retrieval-evaluation";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

/** Measures one evaluate run, or several side by side; refuses runs that are not comparable, with the reason. */
const compareRetrievers = procedure
  .input(compareRetrieversRequestSchema)
  .output(compareRetrieversResponseSchema)
  .query(({ ctx, input }) => ctx.services.retrievalEvaluation.compare(input.runIds));

/** The newest evaluate runs. */
const listEvaluations = procedure
  .input(z.object({}).optional())
  .output(listEvaluationsResponseSchema)
  .query(({ ctx }) => ctx.services.retrievalEvaluation.list());

/** The questions that every run has ranked, with where their gold documents stand. */
const rankedQuestions = procedure
  .input(rankedQuestionsRequestSchema)
  .output(rankedQuestionsResponseSchema)
  .query(({ ctx, input }) => ctx.services.retrievalEvaluation.listQuestions(input));

export const retrievalEvaluationRouter = router({
  list: listEvaluations,
  compare: compareRetrievers,
  questions: rankedQuestions,
});
