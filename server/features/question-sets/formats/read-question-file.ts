import { AppError } from "@/contracts/errors";
import type { ColumnMapping, QuestionFormat } from "@/contracts/formats/question-file";
import {
  listColumns,
  guessMapping,
  mapRow,
  RowProblem,
  type MappedQuestion,
} from "./column-mapping";
import { detectFormat, isProblem, readRows, type KnownFormat, type SourceRow } from "./read-rows";

export interface FileProblem {
  where: string;
  message: string;
}

/** Questions of a file that belong together: one data set, one split. */
interface QuestionPart {
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
 * part, because results are stored by them; a question that is asked twice only gives a warning.
 *
 * @throws AppError "invalid-input" where the file as a whole cannot be read, or holds no row
 */
export async function readQuestionFile({
  fileName,
  content,
  format: requestedFormat,
  mapping: overrides,
}: ReadOptions): Promise<QuestionFile> {
  const format = requestedFormat === "auto" ? detectFormat(fileName, content) : requestedFormat;
  const rows = await readRows(format, content);
  if (rows.length === 0) throw new AppError("invalid-input", "The file holds no question.");
  const readable = rows.flatMap(({ value }) => (isProblem(value) ? [] : [value]));
  const mapping = { ...guessMapping(readable), ...overrides };
  // Upstream numbers the rows of each data set from 0 and then joins the sets into one file.
  const isJoined = new Set(readable.map((row) => row.data_source)).size > 1;
  const { parts, problems } = collectParts(rows, mapping, isJoined);
  const repeated = parts.map(countRepeated).reduce((sum, count) => sum + count, 0);
  return {
    format,
    columns: listColumns(readable),
    mapping,
    rows: rows.length,
    parts,
    problems,
    warnings:
      repeated > 0
        ? [`${repeated} questions are asked more than once (under ids of their own); each counts.`]
        : [],
  };
}

/** The questions of rows by part, and what is wrong with the rows that give none. */
function collectParts(
  rows: readonly SourceRow[],
  mapping: ColumnMapping,
  isJoined: boolean,
): Pick<QuestionFile, "parts" | "problems"> {
  const problems: FileProblem[] = [];
  const parts = new Map<string, QuestionPart>();
  const placeById = new Map<string, string>();
  for (const { where, fallbackId, part, value } of rows) {
    if (isProblem(value)) {
      problems.push({ where, message: value.problem });
      continue;
    }
    try {
      const question = mapRow(value, mapping, fallbackId);
      const { record, split } = question;
      if (isJoined && mapping.id && typeof value.data_source === "string")
        record.id = `${value.data_source}-${record.id}`;
      const name = [part, split]
        .filter((text) => text !== null)
        .join("-")
        .replace(/[^\w.-]+/g, "_");
      const key = JSON.stringify([name, record.id]);
      const earlier = placeById.get(key);
      if (earlier !== undefined)
        throw new RowProblem(`repeats the id ${JSON.stringify(record.id)} of ${earlier}`);
      placeById.set(key, where);
      const target = parts.get(name) ?? { name, questions: [] };
      target.questions.push(question);
      parts.set(name, target);
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      problems.push({ where, message: error.message });
    }
  }
  return { parts: [...parts.values()], problems };
}

/** How many questions of a part are there more than once, whatever their case and white space. */
function countRepeated({ questions }: QuestionPart): number {
  const times = new Map<string, number>();
  for (const { record } of questions) {
    const text = record.question.toLowerCase().replace(/\s+/g, " ");
    times.set(text, (times.get(text) ?? 0) + 1);
  }
  return [...times.values()].filter((count) => count > 1).length;
}
