import {
  listCorporaResponseSchema,
  importQuestionsRequestSchema,
  importQuestionsResponseSchema,
  previewQuestionsRequestSchema,
  previewQuestionsResponseSchema,
  importQuestionFileRequestSchema,
  importQuestionFileResponseSchema,
  listPresetsResponseSchema,
  questionSetVersionsRequestSchema,
  questionSetVersionsResponseSchema,
  listQuestionSetsResponseSchema,
  listQuestionsRequestSchema,
  listQuestionsResponseSchema,
} from "@/contracts/api/question-sets";
import { listSettingsRequestSchema, listSettingsResponseSchema } from "@/contracts/api/new-run";
import { listSettingGroups } from "@/core/run/settings";
import { z } from "zod";
import { procedure, router } from "@/server/trpc/trpc";

export const questionSetsRouter = router({
  presets: procedure
    .input(z.object({}).optional())
    .output(listPresetsResponseSchema)
    .query(({ ctx }) => ctx.services.launcher.listPresets()),
  /** The description of a run's settings, so that a form can be drawn without their schemas. */
  settings: procedure
    .input(listSettingsRequestSchema)
    .output(listSettingsResponseSchema)
    .query(({ input }) => listSettingGroups(input.kind, input.served)),
  corpora: procedure
    .input(z.object({}).optional())
    .output(listCorporaResponseSchema)
    .query(({ ctx }) => ctx.services.storedCorpora.list()),
  questionSets: procedure
    .input(z.object({}).optional())
    .output(listQuestionSetsResponseSchema)
    .query(({ ctx }) => ctx.services.questionSets.list()),
  questions: procedure
    .input(listQuestionsRequestSchema)
    .output(listQuestionsResponseSchema)
    .query(({ ctx, input }) => ctx.services.questionSets.listQuestions(input)),
  /** Stores all or nothing; an error numbers every bad line. */
  importQuestions: procedure
    .input(importQuestionsRequestSchema)
    .output(importQuestionsResponseSchema)
    .mutation(({ ctx, input }) =>
      ctx.services.questionSets.importQuestions(input.name, input.jsonl, ctx.actor),
    ),
  /** Reads a question file without storing it: its columns, the first questions, every problem. */
  previewQuestions: procedure
    .input(previewQuestionsRequestSchema)
    .output(previewQuestionsResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.questionFileImport.preview(input)),
  /** Stores a question file of any known format. */
  importQuestionFile: procedure
    .input(importQuestionFileRequestSchema)
    .output(importQuestionFileResponseSchema)
    .mutation(({ ctx, input }) => ctx.services.questionFileImport.import(input, ctx.actor)),
  /** All versions of a set, the newest first: the one that new runs use. */
  questionSetVersions: procedure
    .input(questionSetVersionsRequestSchema)
    .output(questionSetVersionsResponseSchema)
    .query(({ ctx, input }) => ctx.services.questionSets.listVersions(input.name)),
});
