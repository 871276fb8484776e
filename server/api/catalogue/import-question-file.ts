import { z } from "zod";
import { procedure } from "../trpc";
import { importQuestionsRequest } from "./import-questions";
import { previewQuestionsRequest } from "./preview-questions";

export const importQuestionFileRequest = previewQuestionsRequest.extend({
  name: importQuestionsRequest.shape.name,
  /** Parts to import, as the preview names them; null: all. Several become NAME/PART. */
  parts: z.array(z.string()).nullable().default(null),
  /** Leave out rows that cannot be used; off: one such row and nothing is imported. */
  skipProblems: z.boolean().default(false),
});
export const importQuestionFileResponse = z.object({
  sets: z.array(
    z.object({
      name: z.string(),
      questions: z.int(),
      withGold: z.int(),
      /** Questions whose gold titles stand over no passage, or over several. */
      unresolvedGold: z.int(),
      version: z.string(),
      /** False where this very content was stored under the name before. */
      isNew: z.boolean(),
    }),
  ),
  skipped: z.int(),
  warnings: z.array(z.string()),
});

/** Stores a question file of any known format. */
export const importQuestionFile = procedure
  .input(importQuestionFileRequest)
  .output(importQuestionFileResponse)
  .mutation(({ ctx, input }) => ctx.services.questionImport.import(input, ctx.actor));
