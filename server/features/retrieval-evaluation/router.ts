import {
  compareRetrieversRequestSchema,
  compareRetrieversResponseSchema,
  listEvaluationsResponseSchema,
  rankedQuestionsRequestSchema,
  rankedQuestionsResponseSchema,
} from "@/contracts/api/retrieval-evaluation";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

export const retrievalEvaluationRouter = router({
  /** The newest evaluate runs that are not deleted. */
  list: procedure
    .input(z.object({}).optional())
    .output(listEvaluationsResponseSchema)
    .query(({ ctx }) => ctx.services.retrievalEvaluation.list()),
  /** Measures one evaluate run, or several side by side; refuses runs that are not comparable, with the reason. */
  compare: procedure
    .input(compareRetrieversRequestSchema)
    .output(compareRetrieversResponseSchema)
    .query(({ ctx, input }) => ctx.services.retrievalEvaluation.compare(input.runIds)),
  /** The questions that every run has ranked, with where their gold documents stand. */
  questions: procedure
    .input(rankedQuestionsRequestSchema)
    .output(rankedQuestionsResponseSchema)
    .query(({ ctx, input }) => ctx.services.retrievalEvaluation.listQuestions(input)),
});
