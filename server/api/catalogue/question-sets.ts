import { z } from "zod";
import { procedure } from "../trpc";

export const listQuestionSetsResponse = z.array(
  z.object({
    name: z.string(),
    questions: z.int(),
    /** Questions that name gold documents. */
    withGold: z.int(),
    createdAt: z.date(),
    createdBy: z.string(),
  }),
);

export const listQuestionSets = procedure
  .input(z.object({}).optional())
  .output(listQuestionSetsResponse)
  .query(({ ctx }) => ctx.services.catalogue.questionSets());
