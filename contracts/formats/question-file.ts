import { z } from "zod";

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
