import { markText } from "@/app/_i18n/format-text";
import {
  questionReadingSchema,
  type QuestionFormat,
  type QuestionReading,
} from "@/contracts/formats/question-file";

/** A file as it is sent: its bytes, which the server reads. */
export interface QuestionSource {
  fileName: string;
  content: string;
  encoding: "base64";
}

/** What a person decides about a file before it is imported. */
export interface ImportChoice {
  format: QuestionFormat;
  /** How its text and its values are read. */
  reading: QuestionReading;
  /** Columns by field where the guess is wrong; null: the file does not have it. */
  mapping: Partial<Record<MappedField, string | null>>;
  parts: string[] | null;
  skipProblems: boolean;
  /** Corpus in which titles of gold passages are looked up; null: they are dropped. */
  goldCorpus: string | null;
}
export const IMPORT_EVERYTHING: ImportChoice = {
  format: "auto",
  reading: questionReadingSchema.parse({}),
  mapping: {},
  parts: null,
  skipProblems: false,
  goldCorpus: null,
};

/** Fields of a question that a column of the file can hold. */
export const MAPPED_FIELDS = [
  "id",
  "question",
  "answers",
  "aliases",
  "goldIds",
  "goldTitles",
  "options",
  "answerLetter",
  "type",
  "group",
  "split",
] as const;
export type MappedField = (typeof MAPPED_FIELDS)[number];
/** Shown by `t(title)`. */
export const FIELD_TITLES: Record<MappedField, string> = {
  id: markText("Id"),
  question: markText("Question"),
  answers: markText("Answers"),
  aliases: markText("Other forms of the answer"),
  goldIds: markText("Gold passages (ids)"),
  goldTitles: markText("Gold passages (titles)"),
  options: markText("Options"),
  answerLetter: markText("Letter of the right option"),
  type: markText("Type"),
  group: markText("Group"),
  split: markText("Split"),
};
