import { z } from "zod";
import { AppError, describeIssues } from "@/contracts/errors";
import { findRepeatedKey } from "./repeated-keys";

/**
 * The file formats a person brings: corpora and question sets, one JSON object a line (JSONL). The functions here
 * are pure and take one line or one text; reading files is the caller's.
 */

/** A document of a corpus. */
export interface CorpusRecord {
  id: string;
  title: string;
  text: string;
  /** The line's own `contents`, where `formatContents` gives another: what a client of upstream's protocol is sent. */
  contents?: string;
}

const idSchema = z
  .union([z.string(), z.int().transform(String)])
  .pipe(z.string().min(1, "must not be empty").max(512));

/**
 * `{id, title, text}`, MedRAG's `{id, title, content, contents}`, or upstream's `{id, contents}` with contents =
 * "\"Title\"\ntext". In imported corpora `contentsForm` stands for `contents` (`encodeContents`). Other keys are ignored.
 */
const corpusLineSchema = z
  .object({
    id: idSchema,
    title: z.string().nullish(),
    text: z.string().optional(),
    content: z.string().optional(),
    contents: z.string().optional(),
    contentsForm: z.unknown().optional(),
  })
  .refine(
    (line) => line.contents !== undefined || line.text !== undefined || line.content !== undefined,
    {
      error: "needs `contents`, or `title` and `text`",
    },
  )
  .transform(({ id, title, text, content, contents, contentsForm }): CorpusRecord => {
    const body = text ?? content;
    const parts = body === undefined ? parseContents(contents ?? "") : { title: "", text: body };
    const record = { id, title: title ?? parts.title, text: parts.text };
    return withContents(record, contents ?? decodeContents(record, contentsForm));
  });

const letterSchema = z.string().regex(/^[A-Z]$/, "a capital letter");

/** Options of a multiple choice, and the letter of the right one. */
export const multipleChoiceSchema = z
  .object({
    choices: z
      .array(
        z.object({
          letter: letterSchema,
          text: z.string().trim().min(1, "an option must not be empty"),
        }),
      )
      .min(2, "needs at least two options"),
    answer: letterSchema,
    /** Question and options as the file has them in one text, where upstream's form of them (`formatQuestionText`) is another. */
    asWritten: z.string().optional(),
  })
  .refine(
    ({ choices }) => new Set(choices.map((choice) => choice.letter)).size === choices.length,
    { path: ["choices"], message: "each option needs a letter of its own" },
  )
  .refine(({ choices, answer }) => choices.some((choice) => choice.letter === answer), {
    path: ["answer"],
    message: "is not one of the options",
  });
export type MultipleChoice = z.infer<typeof multipleChoiceSchema>;

/** A question of a set. Absent fields get the value that means "not known". */
export const questionLineSchema = z.object({
  id: idSchema,
  question: z.string().trim().min(1, "must not be empty"),
  answers: z
    .array(z.string().trim().min(1, "an answer must not be empty"))
    .min(1, "needs at least one answer"),
  goldIds: z.array(z.string().min(1)).default([]),
  type: z.string().nullable().default(null),
  /** Cluster for intervals, e.g. the country. */
  group: z.string().nullable().default(null),
  /** Queries of the gold path after the question's own retrieval. */
  goldQueries: z.array(z.string().trim().min(1)).default([]),
  /** Absent where the question is not a multiple choice. */
  options: multipleChoiceSchema.optional(),
});
export type QuestionRecord = z.output<typeof questionLineSchema>;

/** What makes a question another one: its text up to case and white space, with its options. */
export function buildQuestionIdentity({
  question,
  options,
}: Pick<QuestionRecord, "question" | "options">): string {
  const text = [question, ...(options?.choices ?? []).map(({ text }) => text)].join("\n");
  return text.toLowerCase().replace(/\s+/g, " ");
}

/** A line that cannot be used: which one, and why. `invalid-input` like every error of a person's input. */
export class LineError extends AppError {
  constructor(
    readonly line: number,
    readonly problem: string,
    options?: { cause?: unknown },
  ) {
    super("invalid-input", `line ${line} ${problem}`, options);
    this.name = "LineError";
  }
}

/**
 * Splits upstream's `contents` into title and text. The title is the first line without its surrounding quotes
 * (quotes within it stay); text without a quoted first line has no title, because plain text may hold line breaks.
 */
export function parseContents(contents: string): { title: string; text: string } {
  const end = contents.indexOf("\n");
  const first = (end < 0 ? contents : contents.slice(0, end)).replace(/\r$/, "");
  if (first.length < 2 || !first.startsWith('"') || !first.endsWith('"'))
    return { title: "", text: contents };
  return { title: first.slice(1, -1), text: end < 0 ? "" : contents.slice(end + 1) };
}

/** Upstream's `contents` of a document; the inverse of `parseContents`. A line break within a title becomes a space. */
export function formatContents({ title, text }: { title: string; text: string }): string {
  return `"${title.replace(/\s*[\r\n]+\s*/g, " ")}"\n${text}`;
}

/** Forms of `contents`, apart from `formatContents`' own, that title and text determine; the first that fits is taken. */
const CONTENTS_FORMS: Readonly<Record<string, (document: CorpusRecord) => string>> = {
  /** Without a quoted first line, so without a title. */
  text: ({ text }) => text,
  "title-line": ({ title, text }) => `${title}\n${text}`,
  /** MedRAG's. */
  sentence: ({ title, text }) => `${title}. ${text}`,
  "quoted-crlf": ({ title, text }) => `"${title}"\r\n${text}`,
  "quoted-alone": ({ title }) => `"${title}"`,
};
/** How a corpus file notes `contents`: by the name of its form, letter by letter, or not at all where it is upstream's form. */
type EncodedContents = { contentsForm?: string; contents?: string };

/** The record with its line's own `contents`, where that says more than title and text; blank ones say nothing. */
export function withContents<T extends Omit<CorpusRecord, "id">>(
  record: T,
  contents: string | undefined,
): T {
  const isOther =
    contents !== undefined && contents.trim() !== "" && contents !== formatContents(record);
  return isOther ? { ...record, contents } : record;
}

/** What a corpus file notes of a record's `contents`, shortest form first; `withContents` and the schema read it back. */
export function encodeContents(record: CorpusRecord): EncodedContents {
  const { contents } = record;
  if (contents === undefined) return {};
  const form = Object.keys(CONTENTS_FORMS).find(
    (name) => CONTENTS_FORMS[name]!(record) === contents,
  );
  return form === undefined ? { contents } : { contentsForm: form };
}

const decodeContents = (record: CorpusRecord, form: unknown): string | undefined =>
  typeof form === "string" && Object.hasOwn(CONTENTS_FORMS, form)
    ? CONTENTS_FORMS[form]!(record)
    : undefined;

/** One line of a corpus file. Throws `LineError`: "line 17 is not JSON: ...". */
export function parseCorpusLine(line: string, lineNumber: number): CorpusRecord {
  return parseLine(corpusLineSchema, line, lineNumber, "a document");
}

/** One line of a question file. Throws `LineError`. */
export function parseQuestionLine(line: string, lineNumber: number): QuestionRecord {
  return parseLine(questionLineSchema, line, lineNumber, "a question");
}

/**
 * A whole question set: ids and questions (`buildQuestionIdentity`) must be unique, because answers are stored by
 * question. Throws `LineError` that names both lines; `invalid-input` where there is no question at all.
 */
export function parseQuestionSet(lines: Iterable<string>): QuestionRecord[] {
  const questions: QuestionRecord[] = [];
  const lineOfId = new Map<string, number>();
  const lineOfText = new Map<string, number>();
  let lineNumber = 0;
  for (const line of lines) {
    lineNumber += 1;
    if (line.trim() === "") continue;
    const question = parseQuestionLine(line, lineNumber);
    const text = buildQuestionIdentity(question);
    const sameId = lineOfId.get(question.id);
    if (sameId !== undefined)
      throw new LineError(
        lineNumber,
        `repeats the id ${JSON.stringify(question.id)} of line ${sameId}`,
      );
    const sameText = lineOfText.get(text);
    if (sameText !== undefined) {
      throw new LineError(
        lineNumber,
        `repeats the question of line ${sameText}: ${JSON.stringify(shorten(question.question))}`,
      );
    }
    lineOfId.set(question.id, lineNumber);
    lineOfText.set(text, lineNumber);
    questions.push(question);
  }
  if (questions.length === 0)
    throw new AppError("invalid-input", "the question file holds no question");
  return questions;
}

function parseLine<T extends z.ZodType>(
  schema: T,
  line: string,
  lineNumber: number,
  what: string,
): z.output<T> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new LineError(lineNumber, `is not JSON: ${shorten(line)}`, { cause });
  }
  const repeated = findRepeatedKey(line, value);
  if (repeated !== null)
    throw new LineError(
      lineNumber,
      `holds the key ${JSON.stringify(repeated.key)} twice in one object at character ${repeated.at + 1}: which value is meant cannot be told`,
    );
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new LineError(
    lineNumber,
    `is not ${what}: ${describeIssues(parsed.error).replaceAll("\n", "; ")}`,
  );
}

function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
