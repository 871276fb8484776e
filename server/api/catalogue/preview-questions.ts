import { z } from "zod";
import { questionLine } from "@/contracts/corpus";
import { columnMapping, FIELDS } from "@/server/catalogue/formats/fields";
import { questionFormat } from "@/server/catalogue/formats/rows";
import { procedure } from "../trpc";

/** A request is held in memory as a whole; a larger file is imported by the command line's path in parts. */
export const MAX_QUESTION_FILE = 200_000_000;

export const previewQuestionsRequest = z.object({
  fileName: z.string().min(1).max(255),
  content: z
    .string()
    .min(1, "the file is empty")
    .max(
      MAX_QUESTION_FILE,
      `a question file may have at most ${MAX_QUESTION_FILE / 1e6} MB; split it`,
    ),
  /** base64 for a binary file (parquet). */
  encoding: z.enum(["utf8", "base64"]).default("utf8"),
  format: questionFormat.default("auto"),
  /** Columns by field where the guess by their names is wrong; null: the file does not have the field. */
  mapping: columnMapping.default({}),
  /** Corpus in which titles of gold passages are looked up, for sets that name no ids. */
  goldCorpus: z.string().min(1).nullable().default(null),
});

const problem = z.object({ where: z.string(), message: z.string() });
export const previewQuestionsResponse = z.object({
  format: questionFormat.exclude(["auto"]),
  columns: z.array(z.string()),
  mapping: z.record(z.enum(FIELDS), z.string().nullable()),
  rows: z.int(),
  /** Data sets and splits that the file holds; each becomes a set. */
  parts: z.array(
    z.object({
      name: z.string(),
      questions: z.int(),
      withGold: z.int(),
      /** Of `questions`, those whose gold titles stand over no passage of `goldCorpus`, or over several. */ unresolvedGold:
        z.int(),
      withOptions: z.int(),
    }),
  ),
  /** The first questions as they would be stored. */
  sample: z.array(
    z.object({ part: z.string(), question: questionLine, goldTitles: z.array(z.string()) }),
  ),
  /** Rows that cannot be used ("line 17"), the first 200 of `problemCount`. */
  problems: z.array(problem),
  problemCount: z.int(),
  warnings: z.array(z.string()),
});

/** Reads a question file without storing it: its columns, the first questions, every problem. */
export const previewQuestions = procedure
  .input(previewQuestionsRequest)
  .output(previewQuestionsResponse)
  .mutation(({ ctx, input }) => ctx.services.questionImport.preview(input));
