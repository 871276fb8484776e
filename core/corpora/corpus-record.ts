import { type CorpusRecord, parseContents, withContents } from "@/contracts/formats/corpus-lines";
import type { SourceRow } from "@/core/reading/source-record";
import {
  findListText,
  FORMULA,
  NO_VALUE,
  readText as readScalar,
  refuseBytes,
  ValueProblem,
} from "@/core/reading/text-values";
import { type CorpusColumns, isContents } from "./corpus-columns";

/** A document of a record of a file. Texts are taken letter by letter; what is no text is a problem, never a text. */

const MAX_ID_CHARACTERS = 512;
/** Far more than any index reads of a passage; a line of the corpus may have 64 MiB, escapes included. */
const MAX_TEXT_CHARACTERS = 8 * 1024 * 1024;

/** Why a record is no document, in words that follow "line 3 ". */
class RecordProblem extends Error {}

/** @param fallbackId the id where rows are numbered */
export function toCorpusRecord(
  row: SourceRow,
  columns: CorpusColumns,
  fallbackId: string,
): { record: CorpusRecord; problem: null } | { record: null; problem: string } {
  try {
    const record = readRecord(row, columns, fallbackId);
    return { record: withContents(record, readContents(row, columns)), problem: null };
  } catch (error) {
    if (error instanceof RecordProblem) return { record: null, problem: error.message };
    throw error;
  }
}

function readRecord(row: SourceRow, columns: CorpusColumns, fallbackId: string): CorpusRecord {
  const id = columns.id === null ? fallbackId : (readText(row, columns.id) ?? "");
  if (FORMULA.test(id))
    throw new RecordProblem(
      `holds the formula ${id.slice(0, 60)} in "${columns.id}": save the table with its values`,
    );
  if (id === "") throw new RecordProblem(`has no id in "${columns.id}"`);
  if (id.length > MAX_ID_CHARACTERS)
    throw new RecordProblem(`has an id of more than ${MAX_ID_CHARACTERS} characters`);
  const title = columns.title === null ? undefined : readText(row, columns.title);
  let blank: string | undefined;
  for (const column of columns.text) {
    const text = readText(row, column);
    if (text === undefined) continue;
    if (text.trim() === "") {
      // It counts where no other column holds more.
      blank ??= text;
      continue;
    }
    if (NO_VALUE.test(text))
      throw new RecordProblem(`holds ${text.trim()}, which stands for no value, in "${column}"`);
    if (findListText(text)?.every((item) => typeof item === "string"))
      throw new RecordProblem(
        `holds a list that was made a text in "${column}": write its texts as one, as they are to be read`,
      );
    return isContents(column)
      ? { id, ...splitContents(text, title ?? "") }
      : { id, title: title ?? "", text };
  }
  if (blank !== undefined) return { id, title: title ?? "", text: blank };
  throw new RecordProblem(`has no text in ${columns.text.map((name) => `"${name}"`).join(" or ")}`);
}

/** The text of the column `contents`, from which title and text need not come; undefined where there is none. */
function readContents(row: SourceRow, { text }: CorpusColumns): string | undefined {
  const column = text.find(isContents);
  return column !== undefined && typeof row[column] === "string"
    ? readText(row, column)
    : undefined;
}

/** A title that stands beside `contents` is the title; its repetition in the first line is left out. */
function splitContents(contents: string, title: string): { title: string; text: string } {
  const within = parseContents(contents);
  if (title === "" || title === within.title) return within;
  const [first = ""] = contents.split("\n", 1);
  return first.replace(/\r$/, "") === title && first.length < contents.length
    ? { title, text: contents.slice(first.length + 1) }
    : { title, text: contents };
}

/** The text of a value; undefined where there is none. */
function readText(row: SourceRow, column: string): string | undefined {
  const value = Object.hasOwn(row, column) ? row[column] : undefined;
  if (value === null || value === undefined || Number.isNaN(value)) return undefined;
  if (typeof value === "string") {
    if (value.length > MAX_TEXT_CHARACTERS)
      throw new RecordProblem(
        `holds more than ${MAX_TEXT_CHARACTERS / 2 ** 20} Mi characters in "${column}"`,
      );
  }
  try {
    if (typeof value !== "string") return readScalar(value);
    refuseBytes(value);
    return value;
  } catch (error) {
    if (error instanceof ValueProblem) throw new RecordProblem(`${error.message} (in "${column}")`);
    throw error;
  }
}
