import { z } from "zod";
import { readingSettingsSchema } from "./reading";

/** Kinds of question files; `auto`: detected by the name and the content. */
export const questionFormatSchema = z.enum([
  "auto",
  "jsonl",
  "json",
  "csv",
  "tsv",
  "parquet",
  "mirage",
]);
export type QuestionFormat = z.infer<typeof questionFormatSchema>;

/** The fields of a question. A mapping names a column for each; dots select nested fields ("metadata.supporting_facts"). */
export const FIELDS = [
  "id",
  "question",
  "answers",
  "aliases",
  "goldIds",
  "goldTitles",
  "type",
  "group",
  "goldQueries",
  "options",
  "answerLetter",
  "split",
] as const;
export type Field = (typeof FIELDS)[number];
export const columnMappingSchema = z.partialRecord(
  z.enum(FIELDS),
  z.string().min(1).max(300).nullable(),
);
export type ColumnMapping = z.infer<typeof columnMappingSchema>;

/** How the values of a question file are read. */
export const questionReadingSchema = readingSettingsSchema.extend({
  /** What an answer true or false becomes: a model says yes or no. */
  booleans: z.enum(["yes-no", "true-false"]).default("yes-no"),
  /** Whether a table's cells hold lists (JSON, Python's, NumPy's, or parted by "|"), or each one text. */
  cells: z.enum(["lists", "text"]).default("lists"),
});
export type QuestionReading = z.infer<typeof questionReadingSchema>;
