import { AppError } from "@/contracts/errors";
import {
  listColumns,
  guessMapping,
  mapRow,
  RowProblem,
  type MappedQuestion,
} from "./column-mapping";
import { type ColumnMapping } from "@/contracts/formats/question-file";
import { detectFormat, isProblem, readRows, type KnownFormat } from "./read-rows";
import { type QuestionFormat } from "@/contracts/formats/question-file";

export interface FileProblem {
  where: string;
  message: string;
}

/** Questions of a file that belong together: one data set, one split. */
export interface QuestionPart {
  /** "medqa", "test", "medqa-test"; "" where the file has one part only and no name for it. */
  name: string;
  questions: MappedQuestion[];
}

export interface QuestionFile {
  format: KnownFormat;
  columns: string[];
  mapping: Required<ColumnMapping>;
  rows: number;
  parts: QuestionPart[];
  /** Every row that cannot be used, and why. */
  problems: FileProblem[];
  /** What can be used but should be known. */
  warnings: string[];
}

export interface ReadOptions {
  fileName: string;
  content: Uint8Array;
  format: QuestionFormat;
  /** Overrides the guess, field by field; null: the field is not in the file. */
  mapping: ColumnMapping;
}

/**
 * Reads a whole question file and names every row that cannot be used, not just the first. Ids must be unique within a
 * part, because results are stored by them; a question that is asked twice is only warned of.
 */
export async function readQuestionFile({
  fileName,
  content,
  format,
  mapping: overrides,
}: ReadOptions): Promise<QuestionFile> {
  const known = format === "auto" ? detectFormat(fileName, content) : format;
  const rows = await readRows(known, content);
  const readable = rows.flatMap(({ value }) => (isProblem(value) ? [] : [value]));
  const columns = listColumns(readable);
  const mapping = { ...guessMapping(readable), ...overrides };
  const problems: FileProblem[] = [];
  const warnings: string[] = [];
  const parts = new Map<string, QuestionPart>();
  const placeById = new Map<string, string>();
  const timesByQuestion = new Map<string, number>();
  // Upstream numbers the rows of each data set from 0 and then joins the sets into one file.
  const isJoined = new Set(readable.map((row) => row.data_source)).size > 1;
  for (const { where, fallbackId, part, value } of rows) {
    if (isProblem(value)) {
      problems.push({ where, message: value.problem });
      continue;
    }
    try {
      const question = mapRow(value, mapping, fallbackId);
      if (isJoined && mapping.id && typeof value.data_source === "string")
        question.record.id = `${value.data_source}-${question.record.id}`;
      const name = [part, question.split]
        .filter((text) => text !== null)
        .join("-")
        .replace(/[^\w.-]+/g, "_");
      const key = JSON.stringify([name, question.record.id]);
      const earlier = placeById.get(key);
      if (earlier !== undefined)
        throw new RowProblem(`repeats the id ${JSON.stringify(question.record.id)} of ${earlier}`);
      placeById.set(key, where);
      const text = JSON.stringify([
        name,
        question.record.question.toLowerCase().replace(/\s+/g, " "),
      ]);
      timesByQuestion.set(text, (timesByQuestion.get(text) ?? 0) + 1);
      const target = parts.get(name) ?? { name, questions: [] };
      target.questions.push(question);
      parts.set(name, target);
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      problems.push({ where, message: error.message });
    }
  }
  const repeated = [...timesByQuestion.values()].filter((n) => n > 1).length;
  if (repeated > 0)
    warnings.push(
      `${repeated} questions are asked more than once (under ids of their own); each counts.`,
    );
  if (rows.length === 0) throw new AppError("invalid-input", "The file holds no question.");
  return {
    format: known,
    columns,
    mapping,
    rows: rows.length,
    parts: [...parts.values()],
    problems,
    warnings,
  };
}
