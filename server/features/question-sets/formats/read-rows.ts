import { Readable } from "node:stream";
import { AppError } from "@/contracts/errors";
import {
  questionFormatSchema,
  type QuestionFormat,
  type QuestionReading,
} from "@/contracts/formats/question-file";
import type { FoundText } from "@/contracts/formats/reading";
import { detectContainer } from "@/core/reading/containers";
import { openParquet } from "@/core/reading/parquet-records";
import { readRecords } from "@/core/reading/read-records";
import type { SourceRecord, SourceRow } from "@/core/reading/source-record";
import { isDictionary } from "@/core/reading/text-values";
import { guessMapping } from "./column-mapping";
import { gunzip } from "@/lib/gunzip";

/** Reads the rows of a question file, each with the place it stands at, so that every problem can be pointed at. */

export type KnownFormat = Exclude<QuestionFormat, "auto">;

/** A row and where it stands, or why it cannot be read. */
export interface QuestionRow {
  /** "line 3", "row 3", "medqa/0007". */
  where: string;
  /** What a question without an id is called. */
  fallbackId: string;
  /** Whether `fallbackId` is the file's own name of the question. */
  hasKey: boolean;
  /** Data set within the file (MIRAGE's benchmark.json holds five). */
  part: string | null;
  value: SourceRow | { problem: string };
}
export const isProblem = (value: QuestionRow["value"]): value is { problem: string } =>
  Object.keys(value).length === 1 && typeof value.problem === "string";

export interface QuestionRows {
  format: KnownFormat;
  container: "gzip" | null;
  text: Omit<FoundText, "columns"> | null;
  /** What must be set before the rows are used; null: nothing. */
  doubt: string | null;
  /** Columns of a table; null where rows name them. */
  columns: readonly string[] | null;
  rows: AsyncGenerator<QuestionRow[]>;
}

export interface QuestionBytes {
  fileName: string;
  content: Uint8Array;
  format: QuestionFormat;
  reading: QuestionReading;
}

/** The most that a packed file may hold: as much as a request may, several times over. */
const MAX_UNPACKED_BYTES = 1024 ** 3;

/** @throws AppError "invalid-input" where the file as a whole cannot be read */
export async function openRows({
  fileName,
  content,
  format,
  reading,
}: QuestionBytes): Promise<QuestionRows> {
  const container = detectContainer(content);
  if (container === "parquet") return openParquetRows(fileName, content);
  if (format === "parquet")
    throw new AppError("invalid-input", `${fileName} is not a parquet file.`);
  const isPacked = container === "gzip";
  const bytes = isPacked ? unpack(fileName, content) : Readable.from(cutIntoPieces(content));
  const { kind, isKnown } = chooseKind(fileName, format);
  const delimiter = reading.delimiter === "auto" && format === "tsv" ? "tab" : reading.delimiter;
  const read = await readRecords(bytes, { ...reading, delimiter }, fileName, kind);
  const { found, doubt, records } = read;
  const { columns, ...text } = found;
  if (!isKnown && found.form === "table" && columns.length < 2)
    throw new AppError(
      "invalid-input",
      `${fileName}: it cannot be told what kind of file this is. Give its format: ${questionFormatSchema.options.slice(1).join(", ")}.`,
    );
  const opened = { container: isPacked ? ("gzip" as const) : null, text, doubt };
  if (found.form === "table") {
    const isTab = found.dialect?.delimiter === "tab";
    return { ...opened, format: isTab ? "tsv" : "csv", columns, rows: nameRows(records) };
  }
  const { isMirage, all } = await expandMirage(records, fileName);
  const known = isMirage ? "mirage" : found.form === "json-lines" ? "jsonl" : "json";
  return { ...opened, format: known, columns: null, rows: all };
}

/** By the format, else by the name; else by the content alone, which also tells JSON that is called a table. */
function chooseKind(
  fileName: string,
  format: QuestionFormat,
): { kind: "json" | "table" | "auto"; isKnown: boolean } {
  if (format === "csv" || format === "tsv") return { kind: "table", isKnown: true };
  if (format !== "auto") return { kind: "json", isKnown: true };
  const extension = /\.(\w+)(?:\.gz)?$/i.exec(fileName)?.[1]?.toLowerCase() ?? "";
  if (["jsonl", "ndjson", "json"].includes(extension)) return { kind: "json", isKnown: true };
  return { kind: "auto", isKnown: ["csv", "tsv", "tab"].includes(extension) };
}

/** The records of a piece are there at once, so a piece is small. */
const PIECE_BYTES = 64 * 1024;

function* cutIntoPieces(content: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < content.length; at += PIECE_BYTES)
    yield content.subarray(at, at + PIECE_BYTES);
}

async function* unpack(fileName: string, content: Uint8Array): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  try {
    for await (const chunk of gunzip(cutIntoPieces(content))) {
      bytes += chunk.length;
      if (bytes > MAX_UNPACKED_BYTES) throw new Error("holds more than 1 GiB; split it");
      yield chunk;
    }
  } catch (cause) {
    throw new AppError("invalid-input", `${fileName} ${(cause as Error).message}.`, { cause });
  }
}

async function* nameRows(records: AsyncIterable<SourceRecord[]>): AsyncGenerator<QuestionRow[]> {
  for await (const batch of records) yield batch.map(toQuestionRow);
}

const toQuestionRow = (record: SourceRecord): QuestionRow => ({
  where: `line ${record.line}`,
  fallbackId: `line-${record.line}`,
  hasKey: false,
  part: null,
  value: record.problem === undefined ? record.row : { problem: record.problem },
});

/**
 * MIRAGE's benchmark.json, {data set: {id: {question, options, answer}}}, is one object that holds its questions, and so
 * is {id: {question, ...}}; every other file has a question an object.
 * @throws AppError "invalid-input" where one object holds all questions in another way
 */
async function expandMirage(
  records: AsyncGenerator<SourceRecord[]>,
  fileName: string,
): Promise<{ isMirage: boolean; all: AsyncGenerator<QuestionRow[]> }> {
  let head: SourceRecord[] = [];
  for (let next = await records.next(); !next.done; next = await records.next()) {
    head = head.concat(next.value);
    if (head.length > 1) break;
  }
  const [first] = head;
  const only = head.length === 1 && first && first.problem === undefined ? first.row : null;
  const isMirage = only !== null && isNested(only);
  const within = only && listRowsWithin(only, fileName);
  async function* read(): AsyncGenerator<QuestionRow[]> {
    yield within ?? head.map(toQuestionRow);
    yield* nameRows(records);
  }
  return { isMirage, all: read() };
}

/** Keys under which files hold a list of all their questions. */
const LIST_KEY = /^(?:data|questions|examples|rows|records|items|instances|samples)$/i;

/** The questions within a file's only object; null: it is one itself. */
function listRowsWithin(row: SourceRow, fileName: string): QuestionRow[] | null {
  if (isNested(row)) return listMirageRows(row);
  if (isKeyed(row)) return listKeyedRows(row, null);
  const refuse = (problem: string): never => {
    throw new AppError("invalid-input", `${fileName} ${problem}`);
  };
  const columns = Object.values(row);
  const isQuestion = guessMapping(Object.keys(row)).question !== null;
  const lengths = new Set(
    columns.map((each) =>
      Array.isArray(each) || isDictionary(each) ? Object.keys(each).join() : null,
    ),
  );
  if (isQuestion && lengths.size === 1 && !lengths.has(null))
    return refuse(
      'holds a table by columns, as pandas\' to_json writes it: write it with orient="records", lines=True.',
    );
  const list = Object.entries(row).find(
    ([key, value]) => LIST_KEY.test(key) && Array.isArray(value) && value.some(isDictionary),
  );
  return list === undefined || isQuestion
    ? null
    : refuse(
        `seems to hold its questions in a list under ${JSON.stringify(list[0])}: bring that list as the file.`,
      );
}

/** Whether all values of a row are dictionaries of dictionaries. */
const isNested = (row: SourceRow): row is Record<string, Record<string, SourceRow>> =>
  Object.values(row).every((part) => isDictionary(part) && Object.values(part).every(isDictionary));

/** Whether a row holds questions by their ids. */
const isKeyed = (row: SourceRow): row is Record<string, SourceRow> =>
  Object.keys(row).length > 0 &&
  Object.values(row).every(
    (value) => isDictionary(value) && guessMapping(Object.keys(value)).question !== null,
  );

const listMirageRows = (file: Record<string, Record<string, SourceRow>>): QuestionRow[] =>
  Object.entries(file).flatMap(([part, questions]) => listKeyedRows(questions, part));

const listKeyedRows = (questions: Record<string, SourceRow>, part: string | null): QuestionRow[] =>
  Object.entries(questions).map(([id, value]) => ({
    where: part === null ? id : `${part}/${id}`,
    fallbackId: id,
    hasKey: true,
    part,
    value,
  }));

async function openParquetRows(fileName: string, content: Uint8Array): Promise<QuestionRows> {
  const file = {
    byteLength: content.byteLength,
    slice: (start: number, end = content.byteLength) =>
      Uint8Array.from(content.subarray(start, end)).buffer,
  };
  const { columns, read } = await openParquet(file, fileName);
  async function* nameAll(): AsyncGenerator<QuestionRow[]> {
    for await (const { rows, start } of read(columns))
      yield rows.map((value, i) => ({
        where: `row ${start + i + 1}`,
        fallbackId: `row-${start + i + 1}`,
        hasKey: false,
        part: null,
        value,
      }));
  }
  return {
    format: "parquet",
    container: null,
    text: null,
    doubt: null,
    columns: null,
    rows: nameAll(),
  };
}
