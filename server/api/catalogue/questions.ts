import { z } from "zod";
import { question } from "@/contracts/worker-protocol";
import { procedure } from "../trpc";

export const listQuestionsRequest = z.object({
  set: z.string().min(1),
  text: z.string().max(200).optional(),
  cursor: z.string().regex(/^\d+$/).nullish(),
  limit: z.int().min(1).max(500).default(50),
});
export const listQuestionsResponse = z.object({
  rows: z.array(question),
  nextCursor: z.string().nullable(),
  total: z.int(),
});

export const listQuestions = procedure
  .input(listQuestionsRequest)
  .output(listQuestionsResponse)
  .query(({ ctx, input }) => ctx.services.catalogue.questions(input));
