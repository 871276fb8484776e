import {
  listCorporaResponse,
  importQuestionsRequest,
  importQuestionsResponse,
  previewQuestionsRequest,
  previewQuestionsResponse,
  importQuestionFileRequest,
  importQuestionFileResponse,
  listPresetsResponse,
  questionSetVersionsRequest,
  questionSetVersionsResponse,
  listQuestionSetsResponse,
  listQuestionsRequest,
  listQuestionsResponse,
} from "@/contracts/api/catalogue";
import { z } from "zod";
import { PRESETS } from "@/core/presets/run-presets";
import { runConfig } from "@/contracts/run-config/run-config";
import { procedure, router } from "@/server/trpc/trpc";

const listCorpora = procedure
  .input(z.object({}).optional())
  .output(listCorporaResponse)
  .query(({ ctx }) => ctx.services.catalogue.corpora());

/** Stores all or nothing; an error numbers every bad line. */
const importQuestions = procedure
  .input(importQuestionsRequest)
  .output(importQuestionsResponse)
  .mutation(({ ctx, input }) =>
    ctx.services.catalogue.importQuestions(input.name, input.jsonl, ctx.actor),
  );

/** Reads a question file without storing it: its columns, the first questions, every problem. */
const previewQuestions = procedure
  .input(previewQuestionsRequest)
  .output(previewQuestionsResponse)
  .mutation(({ ctx, input }) => ctx.services.questionImport.preview(input));

/** Stores a question file of any known format. */
const importQuestionFile = procedure
  .input(importQuestionFileRequest)
  .output(importQuestionFileResponse)
  .mutation(({ ctx, input }) => ctx.services.questionImport.import(input, ctx.actor));

const listPresets = procedure
  .input(z.object({}).optional())
  .output(listPresetsResponse)
  .query(({ ctx }) =>
    Promise.all(
      PRESETS.map(async ({ id, title, description, config }) => {
        const checked = await ctx.services.launcher.check(config);
        return {
          id,
          title,
          description,
          config: runConfig.parse(config),
          requirements: checked.requirements,
          ready: checked.ok,
        };
      }),
    ),
  );

/** All versions of a set, the newest first: the one that new runs use. */
const questionSetVersions = procedure
  .input(questionSetVersionsRequest)
  .output(questionSetVersionsResponse)
  .query(({ ctx, input }) => ctx.services.catalogue.versions(input.name));

const listQuestionSets = procedure
  .input(z.object({}).optional())
  .output(listQuestionSetsResponse)
  .query(({ ctx }) => ctx.services.catalogue.questionSets());

const listQuestions = procedure
  .input(listQuestionsRequest)
  .output(listQuestionsResponse)
  .query(({ ctx, input }) => ctx.services.catalogue.questions(input));

export const catalogueRouter = router({
  presets: listPresets,
  corpora: listCorpora,
  questionSets: listQuestionSets,
  questions: listQuestions,
  importQuestions,
  previewQuestions,
  importQuestionFile,
  questionSetVersions,
});
