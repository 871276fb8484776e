import { parse as parseCsv } from "csv-parse/sync";
import { parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { questionFormatSchema, type QuestionFormat } from "@/contracts/formats/question-file";
import { z } from "zod";
import { AppError } from "@/contracts/errors";

/** Reads the rows of a question file, each with the place it stands at, so that every problem can be pointed at. */

export type KnownFormat = Exclude<QuestionFormat, "auto">;

export interface SourceRow {
  /** "line 3", "row 3", "medqa/0007". */
  where: string;
  /** What a question without an id is called. */
  fallbackId: string;
  /** Data set within the file (MIRAGE's benchmark.json holds five). */
  part: string | null;
  /** The row, or why it cannot be read. */
  value: Record<string, unknown> | { problem: string };
}
export const isProblem = (value: SourceRow["value"]): value is { problem: string } =>
  Object.keys(value).length === 1 && typeof value.problem === "string";

/** The format by the file's name, and for JSON by what it holds. */
export function detectFormat(fileName: string, content: Uint8Array): KnownFormat {
  const name = fileName.toLowerCase();
  if (name.endsWith(".parquet")) return "parquet";
  if (name.endsWith(".csv")) return "csv";
  if (name.endsWith(".tsv")) return "tsv";
  if (name.endsWith(".jsonl") || name.endsWith(".ndjson")) return "jsonl";
  const head = new TextDecoder().decode(content.subarray(0, 2000)).trimStart();
  if (new TextDecoder().decode(content.subarray(0, 4)) === "PAR1") return "parquet";
  if (head.startsWith("[")) return "json";
  if (/^\{\s*"[^"]+"\s*:\s*\{\s*"[^"]+"\s*:\s*\{/.test(head)) return "mirage";
  if (head.startsWith("{")) return "jsonl";
  throw new AppError(
    "invalid-input",
    `${fileName}: it cannot be told what kind of file this is. Give its format: ${questionFormatSchema.options.slice(1).join(", ")}.`,
  );
}

/** @throws AppError "invalid-input" where the file as a whole cannot be read */
export async function readRows(format: KnownFormat, content: Uint8Array): Promise<SourceRow[]> {
  switch (format) {
    case "jsonl":
      return decodeText(content)
        .split(/\r?\n/)
        .flatMap((line, i) => (line.trim() === "" ? [] : [parseJsonLine(line, i + 1)]));
    case "json":
      return parseJsonArray(decodeText(content));
    case "mirage":
      return parseMirage(decodeText(content));
    case "csv":
      return parseTable(decodeText(content), ",");
    case "tsv":
      return parseTable(decodeText(content), "\t");
    case "parquet":
      return parseParquet(content);
  }
}

function decodeText(content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (cause) {
    throw new AppError(
      "invalid-input",
      "The file is not UTF-8 text. Convert it, e.g. with iconv -t utf-8.",
      { cause },
    );
  }
}

const toSourceRow = (
  where: string,
  fallbackId: string,
  value: unknown,
  part: string | null = null,
): SourceRow => ({
  where,
  fallbackId,
  part,
  value:
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : { problem: "is not an object" },
});

function parseJsonLine(line: string, number: number): SourceRow {
  const [where, id] = [`line ${number}`, `line-${number}`];
  try {
    return toSourceRow(where, id, JSON.parse(line));
  } catch {
    return toSourceRow(where, id, { problem: `is not JSON: ${line.slice(0, 80)}` });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError(
      "invalid-input",
      `The file is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function parseJsonArray(text: string): SourceRow[] {
  const all = parseJson(text);
  if (!Array.isArray(all))
    throw new AppError(
      "invalid-input",
      "A .json file of questions must hold a list of objects (or be MIRAGE's benchmark.json).",
    );
  return all.map((value: unknown, i) => toSourceRow(`item ${i + 1}`, `item-${i + 1}`, value));
}

/** MIRAGE's benchmark.json: {data set: {id: {question, options, answer}}}. */
function parseMirage(text: string): SourceRow[] {
  const file = z.record(z.string(), z.record(z.string(), z.unknown())).safeParse(parseJson(text));
  if (!file.success)
    throw new AppError(
      "invalid-input",
      "This is not MIRAGE's benchmark.json: {data set: {id: {question, options, answer}}} was expected.",
    );
  return Object.entries(file.data).flatMap(([part, questions]) =>
    Object.entries(questions).map(([id, value]) => toSourceRow(`${part}/${id}`, id, value, part)),
  );
}

function parseTable(text: string, delimiter: string): SourceRow[] {
  let records: { record: Record<string, string>; info: { lines: number } }[];
  try {
    records = parseCsv(text, {
      columns: true,
      delimiter,
      info: true,
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      ...(delimiter === "\t" && { quote: null }),
    }) as unknown as typeof records;
  } catch (error) {
    throw new AppError(
      "invalid-input",
      `The table cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return records.map(({ record, info }) =>
    toSourceRow(`line ${info.lines}`, `line-${info.lines}`, record),
  );
}

async function parseParquet(content: Uint8Array): Promise<SourceRow[]> {
  const file = content.buffer.slice(
    content.byteOffset,
    content.byteOffset + content.byteLength,
  ) as ArrayBuffer;
  try {
    const rows = await parquetReadObjects({ file, compressors });
    return rows.map((value, i) => toSourceRow(`row ${i + 1}`, `row-${i + 1}`, value));
  } catch (error) {
    throw new AppError(
      "invalid-input",
      `The parquet file cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
