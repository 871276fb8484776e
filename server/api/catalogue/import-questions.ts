import { z } from "zod";
import { procedure } from "../trpc";

export const importQuestionsRequest = z.object({
  name: z
    .string()
    .trim()
    .regex(
      /^[\w.-]+(\/[\w.-]+)?$/,
      "letters, digits, dot, dash and underscore, with at most one slash: my-set or my-set/dev",
    )
    .max(120),
  /** One JSON object a line: {"id", "question", "answers": [...]} and optionally goldIds, type, group, goldQueries. */
  jsonl: z.string().max(200_000_000),
});
export const importQuestionsResponse = z.object({ name: z.string(), questions: z.int() });

/** Stores all or nothing; an error numbers every bad line. */
export const importQuestions = procedure
  .input(importQuestionsRequest)
  .output(importQuestionsResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.catalogue.importQuestions(input.name, input.jsonl, ctx.actor),
  );
