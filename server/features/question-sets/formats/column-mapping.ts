import { FIELDS, type ColumnMapping, type Field } from "@/contracts/formats/question-file";
import {
  multipleChoiceSchema,
  parseContents,
  questionLineSchema,
  type MultipleChoice,
  type QuestionRecord,
} from "@/contracts/formats/corpus-lines";
import { describeIssues } from "@/contracts/errors";

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
  id: ["id", "_id", "question_id", "qid", "extra_info.index"],
  question: ["question", "query", "reward_model.ground_truth.question", "extra_info.question"],
  answers: [
    "answers",
    "golden_answers",
    "reward_model.ground_truth.target",
    "possible_answers",
    "answer",
    "target",
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
  answerLetter: ["answerLetter", "answer_idx", "metadata.answer_idx"],
  split: ["split", "extra_info.split"],
};

type Row = Record<string, unknown>;
const isObject = (value: unknown): value is Row =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value under a column or a dotted path; a column whose name holds the dots comes first. */
function getValueAt(row: Row, path: string): unknown {
  if (path in row) return row[path];
  return path
    .split(".")
    .reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), row);
}

/** Columns of the first rows, those within objects with their path, in the order in which they come. */
export function listColumns(rows: readonly Row[]): string[] {
  const found = new Set<string>();
  const walk = (row: Row, prefix: string, depth: number): void => {
    for (const [key, value] of Object.entries(row)) {
      const path = prefix === "" ? key : `${prefix}.${key}`;
      if (isObject(value) && depth < 3) walk(value, path, depth + 1);
      else found.add(path);
    }
  };
  for (const row of rows.slice(0, 50)) walk(row, "", 0);
  return [...found];
}

/** A column for every field that can be recognised by its name; null: none. */
export function guessMapping(rows: readonly Row[]): Required<ColumnMapping> {
  const head = rows.slice(0, 50);
  const has = (path: string): boolean =>
    head.some((row) => getValueAt(row, path) !== undefined && getValueAt(row, path) !== null);
  return Object.fromEntries(
    FIELDS.map((field) => [field, CANDIDATES[field].find(has) ?? null]),
  ) as Required<ColumnMapping>;
}

/** A question with what must be looked up before it is stored, and the split that it belongs to. */
export interface MappedQuestion {
  record: QuestionRecord;
  /** Titles of the passages that hold the evidence, where a file names no ids. */
  goldTitles: string[];
  split: string | null;
}

/** Why a row is no question; the caller knows where it stands. */
export class RowProblem extends Error {}

/** One question. @throws RowProblem that names every field that is wrong, and the column it came from */
export function mapRow(row: Row, mapping: ColumnMapping, fallbackId: string): MappedQuestion {
  const get = (field: Field): unknown => {
    const path = mapping[field];
    return path ? getValueAt(row, path) : undefined;
  };
  if (!mapping.question) throw new RowProblem("no column is mapped to the question");
  if (!mapping.answers && !mapping.options)
    throw new RowProblem("no column is mapped to the answers");
  const options = toMultipleChoice(get("options"), get("answerLetter"), get("answers"));
  const right = options?.choices.find(({ letter }) => letter === options.answer);
  const parsed = questionLineSchema.safeParse({
    id: toText(get("id")) ?? fallbackId,
    question: removeOptions(toText(get("question")) ?? ""),
    // The answer of a multiple choice is often its letter; the text is what can be found in an answer.
    answers: right ? [right.text] : toTextList(get("answers")),
    goldIds: toTextList(get("goldIds")),
    type: toText(get("type")) ?? null,
    group: toText(get("group")) ?? null,
    goldQueries: toTextList(get("goldQueries")),
    ...(options && { options }),
  });
  if (!parsed.success) {
    const column = (path: string): string => mapping[path.split(".")[0] as Field] ?? path;
    const problems = describeIssues(parsed.error)
      .split("\n")
      .map((line) =>
        line.replace(/^[^:]+/, (path) =>
          column(path) === path.split(".")[0] ? path : `${path} (column ${column(path)})`,
        ),
      );
    throw new RowProblem(`is not a question: ${problems.join("; ")}`);
  }
  return {
    record: parsed.data,
    goldTitles: toTitles(get("goldTitles")),
    split: toText(get("split")) ?? null,
  };
}

/** Upstream's medical questions carry their options below the question; a retriever gets the question alone. */
const removeOptions = (question: string): string => question.split(/\n\s*Options:/)[0]!;

function toText(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value.trim();
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

/** A list, or in a table's cell a JSON list or texts parted by "|". */
function toTextList(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => toText(item) ?? []);
  // TriviaQA's own file.
  if (isObject(value) && Array.isArray(value.aliases))
    return toTextList([value.value, ...(value.aliases as unknown[])]);
  const text = toText(value);
  return text === undefined ? [] : toTextList(splitCell(text));
}

function splitCell(text: string): unknown[] {
  if (text.startsWith("[")) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed)) return parsed;
    } catch {
      // A text that begins with a bracket.
    }
  }
  return text.split("|");
}

/** Titles: a list of them, HotpotQA's [title, sentence] pairs, MuSiQue's paragraphs, or contents with a quoted title; in a table's cell as `toTextList` reads it. */
function toTitles(value: unknown): string[] {
  const items: unknown[] = Array.isArray(value)
    ? value
    : typeof value === "string"
      ? splitCell(value.trim())
      : [];
  const titles = items.flatMap((item) => {
    if (typeof item === "string") return parseContents(item).title || item.trim();
    if (Array.isArray(item)) return typeof item[0] === "string" ? item[0] : [];
    if (isObject(item) && typeof item.title === "string")
      return item.is_supporting === false ? [] : item.title;
    return [];
  });
  return [...new Set(titles.filter((title) => title !== ""))];
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Options as an object by letter or as a list; the right one by its letter, its number or its text. Null: there are none. */
function toMultipleChoice(
  value: unknown,
  letter: unknown,
  answers: unknown,
): MultipleChoice | null {
  let raw = value;
  if (typeof raw === "string" && /^\s*[[{]/.test(raw)) {
    try {
      raw = JSON.parse(raw);
    } catch {
      throw new RowProblem("its options are not JSON");
    }
  }
  if (raw === undefined || raw === null) return null;
  const choices = Array.isArray(raw)
    ? raw.map((text, i) => ({ letter: LETTERS[i] ?? "", text: toText(text) ?? "" }))
    : isObject(raw)
      ? Object.entries(raw).flatMap(([key, text]) =>
          text === null || text === ""
            ? []
            : [{ letter: key.toUpperCase(), text: toText(text) ?? "" }],
        )
      : [];
  const stated = toText(letter) ?? toTextList(answers)[0] ?? "";
  const answer =
    choices.find((choice) => choice.letter === stated.toUpperCase()) ??
    choices.find(({ text }) => text.toLowerCase() === stated.toLowerCase()) ??
    (/^\d+$/.test(stated) ? choices[Number(stated)] : undefined);
  if (!answer) throw new RowProblem(`its answer ${JSON.stringify(stated)} is none of its options`);
  const parsed = multipleChoiceSchema.safeParse({ choices, answer: answer.letter });
  if (!parsed.success) throw new RowProblem(describeIssues(parsed.error).replaceAll("\n", "; "));
  return parsed.data;
}
