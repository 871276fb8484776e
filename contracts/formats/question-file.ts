import { z } from "zod";

/** Kinds of question files that are read; `auto`: told by the name and the content. */
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

/** What a question is made of. A mapping names a column for each; dots lead into it ("metadata.supporting_facts"). */
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
