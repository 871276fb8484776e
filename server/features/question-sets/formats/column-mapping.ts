import { FIELDS, type ColumnMapping, type Field } from "@/contracts/formats/question-file";
import {
  multipleChoiceSchema,
  parseContents,
  questionLineSchema,
  type MultipleChoice,
  type QuestionRecord,
} from "@/contracts/formats/corpus-lines";
import {
  formatQuestionText,
  hasOptionsWithin,
  readMultipleChoice,
  removeOptions,
} from "@/contracts/formats/upstream/question-text";
import { describeIssues } from "@/contracts/errors";
import { findColumn } from "@/core/reading/column-names";
import type { SourceRow } from "@/core/reading/source-record";
import {
  isDictionary,
  isMissing,
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
  // Upstream's "ability" is one word for all of its rows.
  type: ["type", "metadata.type", "data_source", "ability"],
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
  /** What became of options that stand in the question's text. */
  textOptions: TextOptions | null;
}

/**
 * Options in a question's text: `read` from below it; `dropped` from below it, because they or the gold answer among them
 * cannot be read; or `within` it, where they stay.
 */
export type TextOptions = "read" | "dropped" | "within";

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
      const value = path ? getValueAt(row, path) : undefined;
      return reader(isMissing(value, reading) ? undefined : value);
    } catch (error) {
      if (!(error instanceof ValueProblem)) throw error;
      throw new RowProblem(`is not a question: ${formatField(field, mapping)} ${error.message}`);
    }
  }
  const readList = (value: unknown): string[] => readTexts(value, reading);
  const id = read("id", readText) ?? fallbackId;
  if (id === null)
    throw new RowProblem(`is not a question: ${formatField("id", mapping)} is empty`);
  const inColumn = readOptions(read, reading);
  const written = read("question", readQuestion);
  const stated = inColumn ? [] : read("answers", readList);
  const inText = inColumn ? null : readMultipleChoice(written, stated).options;
  const options = inColumn ?? inText;
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  const answers = right ? [right.text] : stated;
  if (!right && answers.length === 1 && /^[A-E]$/.test(answers[0]!)) reading.note("bare-letter");
  const parsed = questionLineSchema.safeParse({
    id,
    question: removeOptions(written),
    // The answer of a multiple choice is often its letter; the text is what can be found in an answer.
    answers: right ? answers : addAliases(answers, read("aliases", readList)),
    // Brackets hold no id, so numbers in them are a list also where a text of JSON has them.
    goldIds: read("goldIds", (value) =>
      readTexts(value, /^\s*\[/.test(String(value)) ? { ...reading, isCell: true } : reading),
    ),
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
  const record = parsed.data;
  if (inText && record.options) {
    const whole = getValueAt(row, mapping.question ?? "");
    if (typeof whole === "string" && whole !== formatQuestionText(record))
      record.options.asWritten = whole;
  }
  return {
    record,
    goldTitles: read("goldTitles", (value) =>
      toTitles(value, reading, /titles?$/i.test(mapping.goldTitles ?? "")),
    ),
    split: read("split", readText) ?? null,
    textOptions: inColumn ? null : describeTextOptions(written, record),
  };
}

function describeTextOptions(
  written: string,
  { question, options }: QuestionRecord,
): TextOptions | null {
  if (options) return "read";
  if (removeOptions(written) !== written) return "dropped";
  return hasOptionsWithin(question) ? "within" : null;
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

/**
 * Titles: a list of them, HotpotQA's [title, sentence] pairs, MuSiQue's paragraphs, a dictionary of a list of titles, or
 * contents with a quoted title; in a table's cell as `readTexts` reads it. Numbers are titles where a column or key is
 * called so, else, as positions, none.
 * @param isNamed whether the column is called so
 * @throws ValueProblem where it is, and holds something else
 */
function toTitles(value: unknown, reading: RowReading, isNamed: boolean): string[] {
  const read = typeof value === "string" ? (readListText(value, reading)?.value ?? value) : value;
  const isList = isDictionary(read) && Array.isArray(read.title);
  const list = isList ? read.title : read;
  const items: unknown[] = Array.isArray(list)
    ? list
    : typeof list === "string"
      ? readTexts(list, reading)
      : [list];
  const titles = items.flatMap((item) => {
    if (typeof item === "string") return parseContents(item).title || item.trim();
    const isTitled = isDictionary(item) && Object.hasOwn(item, "title");
    if (isTitled && item.is_supporting === false) return [];
    const title = Array.isArray(item) ? (item[0] as unknown) : isTitled ? item.title : item;
    if (typeof title === "string") return title;
    return isNamed || isList || isTitled ? (readText(title) ?? []) : [];
  });
  return [...new Set(titles.filter((title) => title !== ""))];
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

type ReadField = <T>(field: Field, reader: (value: unknown) => T) => T;

/** An option, and how its file calls it: a letter, or a number. */
interface Option {
  label: string;
  text: string;
  /** Whether the file holds it as a text, so that a number is none of them. */
  isText: boolean;
}

/** Options as an object by letter, as a list, or as lists of texts and labels; the right one by its letter, its number or its text. Null: there are none. */
function readOptions(read: ReadField, reading: RowReading): MultipleChoice | null {
  const options = read("options", (value) => listOptions(value, reading));
  if (options === null || options.length === 0) return null;
  const quiet = { ...reading, note: () => undefined };
  const stated = read("answerLetter", (value) => (value === "" ? null : value)) ?? null;
  const letter = stated === null ? null : findOption(options, stated, reading, true);
  const texts = read("answers", (value) =>
    Array.isArray(value) || typeof value === "string"
      ? readTexts(value, quiet)
      : [value].filter((single) => single !== null && single !== undefined),
  );
  // Where a letter is stated the answers may be worded in another way.
  const found = texts.map((text) => findOption(options, text, reading, false, letter !== null));
  const right = [...new Set([letter, ...found].filter((index) => index !== null))];
  if (right.length === 0)
    throw new RowProblem(
      `its answer ${JSON.stringify(readText(stated ?? texts[0]) ?? "")} is none of its options, which are counted from 0`,
    );
  if (right.length > 1)
    throw new RowProblem(
      `its answer names several of its options: ${right.map((index) => getLetter(options, index)).join(", ")}`,
    );
  const parsed = multipleChoiceSchema.safeParse({
    choices: options.map(({ text }, index) => ({ letter: getLetter(options, index), text })),
    answer: getLetter(options, right[0]!),
  });
  if (!parsed.success) throw new RowProblem(describeIssues(parsed.error).replaceAll("\n", "; "));
  return parsed.data;
}

/** Options that are called otherwise than by letters, as ARC's by numbers, get letters by their places. */
const getLetter = (options: readonly Option[], index: number): string =>
  options.every(({ label }) => /^[A-Z]$/.test(label))
    ? options[index]!.label
    : (LETTERS[index] ?? "");

/**
 * The place of the option that an answer names; null: none. A number is a place where options are texts.
 * @param isLabel whether it is a letter or a place before it is a text
 * @throws RowProblem where its letter, number and text would be different options
 */
function findOption(
  options: readonly Option[],
  answer: unknown,
  reading: RowReading,
  isLabel: boolean,
  isText = false,
): number | null {
  const isNumber = typeof answer === "number" || typeof answer === "bigint";
  const [word = ""] = readTexts(answer, { ...reading, cells: "text", note: () => undefined });
  const label = options.findIndex((option) => option.label === word.toUpperCase());
  const texts = options.flatMap(({ text }, i) =>
    text.toLowerCase() === word.toLowerCase() ? [i] : [],
  );
  const place = label < 0 && /^\d+(?:\.0)?$/.test(word) && Number(word) < options.length;
  const named = label >= 0 ? label : place ? Number(word) : null;
  if (named !== null && (isLabel || (isNumber && options.every((option) => option.isText)))) {
    if (place) reading.note("option-place");
    return named;
  }
  const all = [...new Set([...(named === null || isText ? [] : [named]), ...texts])];
  if (all.length > 1 && new Set(all.map((i) => options[i]!.text)).size > 1)
    throw new RowProblem(
      `its answer ${JSON.stringify(word)} may be the letter or number of one option or the text of another: name the column of the letter (answerLetter=COLUMN)`,
    );
  if (place && texts.length === 0 && !isText) reading.note("option-place");
  return all[0] ?? null;
}

function listOptions(value: unknown, reading: RowReading): Option[] | null {
  const raw =
    typeof value === "string" && value.trim() !== "" ? readListText(value, reading) : null;
  if (typeof value === "string" && raw === null && value.trim() !== "")
    throw new ValueProblem("holds a text that is neither a list nor a dictionary");
  const given = typeof value === "string" ? raw?.value : value;
  if (given === undefined || given === null) return null;
  const toOption = (label: string, text: unknown): Option => ({
    label: label.toUpperCase(),
    text: (typeof text === "boolean" ? readTexts(text, reading)[0] : readText(text)) ?? "",
    isText: typeof text === "string" && !reading.isCell,
  });
  if (Array.isArray(given)) return given.map((text, i) => toOption(LETTERS[i] ?? "", text));
  if (!isDictionary(given)) throw new ValueProblem("is neither a list nor a dictionary");
  // ARC's form, and that of others on the Hugging Face hub.
  const { text: texts, label: labels } = given;
  if (Array.isArray(texts) && Array.isArray(labels))
    return texts.map((text, i) => toOption(readText(labels[i]) ?? "", text));
  return Object.entries(given).flatMap(([key, text]) =>
    text === null || text === "" ? [] : [toOption(key, text)],
  );
}
