import { FIELDS, type ColumnMapping, type Field } from "@/contracts/formats/question-file";
import {
  multipleChoiceSchema,
  parseContents,
  questionLineSchema,
  type MultipleChoice,
  type QuestionRecord,
} from "@/contracts/formats/corpus-lines";
import { describeIssues } from "@/contracts/errors";
import { findColumn } from "@/core/reading/column-names";
import type { SourceRow } from "@/core/reading/source-record";
import {
  isDictionary,
  readListText,
  readText,
  readTexts,
  ValueProblem,
  type ValueContext,
} from "@/core/reading/text-values";

/** From a row of any file to a question: which column holds which field. Pure. */

/**
 * What upstream's rows carry over of the source's supporting facts: titles (with sentence numbers), or nothing. Its cube sets hold
 * positions in a corpus of their own instead; these are no titles, and ids only for a person who knows that corpus.
 */
const GROUND_TRUTH_DOCS = [
  "reward_model.ground_truth.gt_docs.title",
  "reward_model.ground_truth.gt_docs",
];

/** Columns that are tried for a field, in this order: our own names, FlashRAG's, upstream's rows, MIRAGE's, the sets' own files. */
const CANDIDATES: Record<Field, readonly string[]> = {
  id: ["id", "_id", "question_id", "qid", "query_id", "uid", "extra_info.index"],
  question: [
    "question",
    "query",
    "reward_model.ground_truth.question",
    "extra_info.question",
    "question_text",
  ],
  answers: [
    "answers",
    "golden_answers",
    "reward_model.ground_truth.target",
    "possible_answers",
    "answer",
    "target",
    "gold_answers",
    "correct_answers",
    "correct_answer",
  ],
  aliases: [
    "aliases",
    "answer_aliases",
    "metadata.answer_aliases",
    "alternative_answers",
    "acceptable_answers",
  ],
  goldIds: ["goldIds", "gold_ids", "support"],
  goldTitles: [
    "goldTitles",
    "gold_titles",
    "metadata.supporting_facts.title",
    "metadata.supporting_facts",
    "supporting_facts.title",
    "supporting_facts",
    "metadata.paragraphs",
    "paragraphs",
    ...GROUND_TRUTH_DOCS,
  ],
  type: ["type", "metadata.type", "ability"],
  group: ["group"],
  goldQueries: ["goldQueries", "gold_queries"],
  options: ["options", "metadata.options", "choices"],
  answerLetter: ["answerLetter", "answer_idx", "metadata.answer_idx", "answerKey"],
  split: ["split", "extra_info.split"],
};

/** The value under a column or a dotted path; a column whose name holds the dots comes first. */
export function getValueAt(row: SourceRow, path: string): unknown {
  if (Object.hasOwn(row, path)) return row[path];
  return path
    .split(".")
    .reduce<unknown>(
      (value, key) => (isDictionary(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      row,
    );
}

/**
 * Columns of rows, those within dictionaries with their path, in the order in which they come.
 * @param inner the dictionaries that hold columns, too, but nothing that is null in every row
 */
export function listColumns(rows: readonly SourceRow[], inner = false): string[] {
  const found = new Set<string>();
  const walk = (row: SourceRow, prefix: string, depth: number): void => {
    for (const [key, value] of Object.entries(row)) {
      const path = prefix === "" ? key : `${prefix}.${key}`;
      const isInner = isDictionary(value) && depth < 3;
      if (isInner) walk(value, path, depth + 1);
      if (inner ? value !== null && value !== undefined : !isInner) found.add(path);
    }
  };
  for (const row of rows) walk(row, "", 0);
  return [...found];
}

/** A column for every field that can be recognised by its name, whatever its case; null: none. */
export const guessMapping = (columns: readonly string[]): Required<ColumnMapping> =>
  Object.fromEntries(
    FIELDS.map((field) => [field, findColumn(columns, CANDIDATES[field])]),
  ) as Required<ColumnMapping>;

/** A question with what must be looked up before it is stored, and the split that it belongs to. */
export interface MappedQuestion {
  record: QuestionRecord;
  /** Titles of the passages that hold the evidence, where a file names no ids. */
  goldTitles: string[];
  split: string | null;
}

/** Why a row is no question; the caller knows where it stands. */
export class RowProblem extends Error {}

/** How values of rows are read, and who hears what was done to them. */
export type RowReading = ValueContext;

/**
 * One question.
 * @param fallbackId the id of a question that has none; null: each must have one
 * @throws RowProblem that names every field that is wrong, and the column it came from
 */
export function mapRow(
  row: SourceRow,
  mapping: ColumnMapping,
  fallbackId: string | null,
  reading: RowReading,
): MappedQuestion {
  /** Reads a field's value. */
  function read<T>(field: Field, reader: (value: unknown) => T): T {
    const path = mapping[field];
    try {
      return reader(path ? getValueAt(row, path) : undefined);
    } catch (error) {
      if (!(error instanceof ValueProblem)) throw error;
      throw new RowProblem(`is not a question: ${formatField(field, mapping)} ${error.message}`);
    }
  }
  const readList = (value: unknown): string[] => readTexts(value, reading);
  const id = read("id", readText) ?? fallbackId;
  if (id === null)
    throw new RowProblem(`is not a question: ${formatField("id", mapping)} is empty`);
  const options = readOptions(read, reading);
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  const parsed = questionLineSchema.safeParse({
    id,
    question: removeOptions(read("question", readQuestion)),
    // The answer of a multiple choice is often its letter; the text is what can be found in an answer.
    answers: right
      ? [right.text]
      : addAliases(read("answers", readList), read("aliases", readList)),
    goldIds: read("goldIds", readList),
    type: read("type", readText) ?? null,
    group: read("group", readText) ?? null,
    goldQueries: read("goldQueries", readList),
    ...(options && { options }),
  });
  if (!parsed.success) {
    const problems = describeIssues(parsed.error)
      .split("\n")
      .map((line) => line.replace(/^[^:]+/, (path) => formatField(path, mapping)));
    throw new RowProblem(`is not a question: ${problems.join("; ")}`);
  }
  return {
    record: parsed.data,
    goldTitles: read("goldTitles", (value) => toTitles(value, reading)),
    split: read("split", readText) ?? null,
  };
}

/** "answers.0 (column golden_answers)". */
function formatField(path: string, mapping: ColumnMapping): string {
  const field = path.split(".")[0]!;
  const column = mapping[field as Field] ?? field;
  return column === field ? path : `${path} (column ${column})`;
}

function readQuestion(value: unknown): string {
  const text = readText(value);
  if (text !== undefined && typeof value !== "string")
    throw new ValueProblem(`holds a ${typeof value} where a text is wanted`);
  return text ?? "";
}

/** The answers, and those of their other forms that are not among them. */
const addAliases = (answers: readonly string[], aliases: readonly string[]): string[] => [
  ...answers,
  ...new Set(aliases.filter((alias) => !answers.includes(alias))),
];

/** Upstream's medical questions carry their options below the question; a retriever gets the question alone. */
const removeOptions = (question: string): string => question.split(/\n\s*Options:/)[0]!;

/**
 * Titles: a list of them, HotpotQA's [title, sentence] pairs, MuSiQue's paragraphs, a dictionary of a list of titles, or
 * contents with a quoted title; in a table's cell as `readTexts` reads it. Whatever is no title counts for none.
 */
function toTitles(value: unknown, reading: RowReading): string[] {
  const read = typeof value === "string" ? (readListText(value, reading)?.value ?? value) : value;
  const list = isDictionary(read) && Array.isArray(read.title) ? read.title : read;
  const items: unknown[] = Array.isArray(list)
    ? list
    : typeof list === "string"
      ? readTexts(list, reading)
      : [];
  const titles = items.flatMap((item) => {
    if (typeof item === "string") return parseContents(item).title || item.trim();
    if (Array.isArray(item)) return typeof item[0] === "string" ? item[0] : [];
    if (isDictionary(item) && typeof item.title === "string")
      return item.is_supporting === false ? [] : item.title;
    return [];
  });
  return [...new Set(titles.filter((title) => title !== ""))];
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

type ReadField = <T>(field: Field, reader: (value: unknown) => T) => T;

/** Options as an object by letter, as a list, or as lists of texts and labels; the right one by its letter, its number or its text. Null: there are none. */
function readOptions(read: ReadField, reading: RowReading): MultipleChoice | null {
  const choices = read("options", (value) => listChoices(value, reading));
  if (choices === null) return null;
  const stated =
    read("answerLetter", readText) ??
    read("answers", (value) => readTexts(value, { ...reading, note: () => undefined }))[0] ??
    "";
  const answer =
    choices.find((choice) => choice.letter === stated.toUpperCase()) ??
    choices.find(({ text }) => text.toLowerCase() === stated.toLowerCase()) ??
    (/^\d+(?:\.0)?$/.test(stated) ? choices[Number(stated)] : undefined);
  if (!answer) throw new RowProblem(`its answer ${JSON.stringify(stated)} is none of its options`);
  const parsed = multipleChoiceSchema.safeParse({ choices, answer: answer.letter });
  if (!parsed.success) throw new RowProblem(describeIssues(parsed.error).replaceAll("\n", "; "));
  return parsed.data;
}

function listChoices(value: unknown, reading: RowReading): MultipleChoice["choices"] | null {
  const raw =
    typeof value === "string" && value.trim() !== "" ? readListText(value, reading) : null;
  if (typeof value === "string" && raw === null && value.trim() !== "")
    throw new ValueProblem("holds a text that is neither a list nor a dictionary");
  const given = typeof value === "string" ? raw?.value : value;
  if (given === undefined || given === null) return null;
  if (Array.isArray(given))
    return given.map((text, i) => ({ letter: LETTERS[i] ?? "", text: readText(text) ?? "" }));
  if (!isDictionary(given)) throw new ValueProblem("is neither a list nor a dictionary");
  // ARC's form, and that of others on the Hugging Face hub.
  const { text: texts, label: labels } = given;
  if (Array.isArray(texts) && Array.isArray(labels))
    return texts.map((text, i) => ({
      letter: readText(labels[i])?.toUpperCase() ?? "",
      text: readText(text) ?? "",
    }));
  return Object.entries(given).flatMap(([key, text]) =>
    text === null || text === "" ? [] : [{ letter: key.toUpperCase(), text: readText(text) ?? "" }],
  );
}
