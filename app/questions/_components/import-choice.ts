export interface QuestionSource {
  fileName: string;
  content: string;
  encoding: "utf8" | "base64";
}

/** What a person decides about a file before it is imported. */
export interface ImportChoice {
  /** Columns by field where the guess is wrong; null: the file does not have it. */
  mapping: Partial<Record<MappedField, string | null>>;
  parts: string[] | null;
  skipProblems: boolean;
  /** Corpus in which titles of gold passages are looked up; null: they are dropped. */
  goldCorpus: string | null;
}
export const IMPORT_EVERYTHING: ImportChoice = {
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
  "goldIds",
  "goldTitles",
  "options",
  "type",
  "group",
  "split",
] as const;
export type MappedField = (typeof MAPPED_FIELDS)[number];
export const FIELD_TITLES: Record<MappedField, string> = {
  id: "Id",
  question: "Question",
  answers: "Answers",
  goldIds: "Gold passages (ids)",
  goldTitles: "Gold passages (titles)",
  options: "Options",
  type: "Type",
  group: "Group",
  split: "Split",
};
