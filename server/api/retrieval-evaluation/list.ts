import { z } from "zod";
import { retriever } from "@/contracts/config/retriever";
import { runState } from "@/contracts/run-state";
import { procedure } from "../trpc";

export const listEvaluationsResponse = z.array(
  z.object({
    id: z.uuid(),
    name: z.string(),
    state: runState,
    createdAt: z.date(),
    corpus: z.string(),
    questionSet: z.string(),
    depth: z.int(),
    retriever,
    /** recall@10 so far. */
    headline: z.number().nullable(),
  }),
);
export type EvaluationRow = z.infer<typeof listEvaluationsResponse>[number];

/** The newest evaluate runs. */
export const listEvaluations = procedure
  .input(z.object({}).optional())
  .output(listEvaluationsResponse)
  .query(({ ctx }) => ctx.services.retrievalEvaluation.list());
