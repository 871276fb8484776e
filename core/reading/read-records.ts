import { AppError } from "@/contracts/errors";
import type {
  Encoding,
  FoundText,
  ReadingSettings,
  TableDialect,
} from "@/contracts/formats/reading";
import { adviseOnContainer, detectContainer } from "./containers";
import { isEastAsian } from "./east-asian";
import {
  detectEncoding,
  formatEncoding,
  INVALID,
  isCertainlyUtf8,
  REPLACEMENT,
  TextDecoding,
} from "./encoding";
import { detectJsonForm, JsonLinesParser, JsonObjectsParser } from "./json-records";
import type { RecordParser, SourceRecord } from "./source-record";
import { detectDialect, type DetectedDialect, takeDelimiterLine } from "./table-dialect";
import { TableParser, type TableRow } from "./table-parser";

/**
 * The one reader of files of records that people bring: JSON lines, a JSON list, JSON objects over several lines, and
 * tables of every dialect. Pure: bytes in pieces go in, already unpacked; records come out.
 *
 *     const { found, doubt, records } = await readRecords(bytes, settings, fileName);
 *     for await (const batch of records)            // the records of one piece, in order
 *       for (const record of batch)                 // {line, row} or {line, problem: "has 4 fields where ..."}
 *
 * `found` says what the file turned out to be before the first record is asked for. Memory is that of a piece and the
 * longest record; a caller that goes on after a stop reads from the beginning and passes over what it has.
 *
 * Values of rows: of a table always strings; of JSON what the text says, numbers exact (`NumberText` where a double
 * would be another number). `text-values.ts` makes texts and lists of them, `column-names.ts` finds columns by their
 * names, `containers.ts` tells gzip, zip or parquet by the first bytes: unpacking and parquet are the caller's.
 *
 * @param kind where the caller knows: lines that are no JSON are then problems, not a table
 * @param isBeginning the bytes are the beginning of a file only: what does not end in them is left out
 * @throws AppError "invalid-input" where the file as a whole cannot be read: empty, binary, packed, in an encoding that
 * must be set first. Nothing else is refused as a whole.
 */
export async function readRecords(
  bytes: AsyncIterable<Uint8Array>,
  settings: ReadingSettings,
  fileName: string,
  kind: "json" | "table" | "auto" = "auto",
  isBeginning = false,
): Promise<{
  found: FoundText;
  /** What must be set before the records are used, as their values would differ; null: nothing. */
  doubt: string | null;
  records: AsyncGenerator<SourceRecord[]>;
}> {
  const pieces = bytes[Symbol.asyncIterator]();
  const { head, isAll } = await takeHead(pieces);
  const isWhole = isAll && !isBeginning;
  const container = detectContainer(head);
  if (container !== null)
    throw new AppError("invalid-input", `${fileName} ${adviseOnContainer(container)}.`);
  const detected = detectEncoding(head);
  const encoding = chooseEncoding(detected.encoding, settings.encoding, head, fileName);
  const decoding = new TextDecoding(encoding);
  const text = decoding.decode(head) + (isWhole ? decoding.end() : "");
  if (text.trim() === "") throw new AppError("invalid-input", `${fileName} is empty.`);
  if (text.slice(0, 8000).includes("\0") && text.includes(INVALID))
    throw new AppError("invalid-input", `${fileName} is binary, not text.`);

  if (/^\s*<(?:!doctype|html|\?xml)\b/i.test(text))
    throw new AppError(
      "invalid-input",
      `${fileName} is a web page or XML, perhaps the error that a server gave in its place: bring JSON lines, CSV or parquet.`,
    );
  const jsonForm = kind === "table" ? null : (detectJsonForm(text) ?? NO_JSON[kind]);
  const table = jsonForm === null ? openTable(text, isWhole, settings, fileName) : null;
  const parser =
    table?.parser ??
    (jsonForm === "json-lines"
      ? new JsonLinesParser()
      : new JsonObjectsParser(jsonForm === "json-list"));
  async function* read(): AsyncGenerator<SourceRecord[]> {
    yield parser.push(text);
    if (!isWhole)
      for (let next = await pieces.next(); !next.done; next = await pieces.next())
        yield parser.push(decoding.decode(next.value));
    if (!isBeginning) yield [...(isWhole ? [] : parser.push(decoding.end())), ...parser.end()];
  }
  return {
    found: {
      encoding,
      byteOrderMark: detected.byteOrderMark && detected.encoding === encoding,
      form: jsonForm ?? "table",
      dialect: table?.dialect ?? null,
      columns: table?.columns ?? [],
    },
    doubt: table?.doubt ?? null,
    records: markInvalid(read(), encoding, detected.encoding, head),
  };
}

/** What a text is that does not begin as JSON does. */
const NO_JSON = { json: "json-lines", auto: null } as const;

/** How much of a file is looked at before it is read. */
const HEAD_BYTES = 256 * 1024;

/** The first pieces, so many that what the file is can be told. */
async function takeHead(
  pieces: AsyncIterator<Uint8Array>,
): Promise<{ head: Uint8Array; isAll: boolean }> {
  const parts: Uint8Array[] = [];
  let length = 0;
  let isAll = false;
  while (length < HEAD_BYTES && !isAll) {
    const next = await pieces.next();
    if (next.done) isAll = true;
    else {
      parts.push(next.value);
      length += next.value.length;
    }
  }
  const head = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    head.set(part, at);
    at += part.length;
  }
  return { head, isAll };
}

/** Whether ASCII is one byte each, as in UTF-8, so that lines and fields end alike. */
const isOfBytes = (encoding: Encoding): boolean =>
  encoding === "windows-1252" || isEastAsian(encoding);

/** Nothing is converted unless it is told: a wrong guess would change texts without a word. */
function chooseEncoding(
  detected: Encoding,
  wanted: ReadingSettings["encoding"],
  head: Uint8Array,
  fileName: string,
): Encoding {
  if (wanted !== "auto" && isOfBytes(wanted) && isCertainlyUtf8(head, wanted))
    throw new AppError(
      "invalid-input",
      `${fileName} is UTF-8: read as ${formatEncoding(wanted)} its texts would be others. Set its encoding to utf-8.`,
    );
  if (wanted !== "auto") return wanted;
  // Single lines that are no UTF-8 are named one by one, and the others read.
  if (detected === "utf-8" || isOfBytes(detected)) return "utf-8";
  const sample = new TextDecoder(detected).decode(head.subarray(0, 160)).trim().slice(0, 60);
  throw new AppError(
    "invalid-input",
    `${fileName} is not UTF-8 but ${formatEncoding(detected)}: ${JSON.stringify(sample)}. Set its encoding to ${detected} to have it converted.`,
  );
}

/** Rows whose bytes are no characters of the encoding are problems. */
async function* markInvalid(
  batches: AsyncGenerator<SourceRecord[]>,
  encoding: Encoding,
  detected: Encoding,
  head: Uint8Array,
): AsyncGenerator<SourceRecord[]> {
  const advice =
    encoding === detected || encoding !== "utf-8"
      ? ""
      : ` but probably ${formatEncoding(detected)}: set the encoding to ${detected} to have it converted${describeSample(head, detected)}`;
  const problem = `is not ${formatEncoding(encoding)}${advice}`;
  const mark = (record: SourceRecord): SourceRecord => {
    if (record.problem === undefined)
      return holdsInvalid(record.row) ? { line: record.line, problem } : record;
    // A character's second byte may look like a backslash or a bar, which is what went wrong then.
    return advice !== "" && record.problem.includes(REPLACEMENT)
      ? { line: record.line, problem: `${problem} (${record.problem})` }
      : record;
  };
  for await (const batch of batches) yield batch.map(mark);
}

/** A word by which it can be told whether an encoding is the right one: others of one byte a character cannot be told. */
function describeSample(head: Uint8Array, encoding: Encoding): string {
  const [word] = /(?<![\p{L}\p{N}])[\p{L}\p{N}]*[^\x00-\x7f\s][\p{L}\p{N}]*/u.exec(
    new TextDecoding(encoding).decode(head),
  ) ?? [""];
  return word === ""
    ? ""
    : ` where ${JSON.stringify(word.slice(0, 30))} is right, else save it as UTF-8`;
}

function holdsInvalid(value: unknown): boolean {
  if (typeof value === "string") return value.includes(INVALID);
  return (
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).some(([key, each]) => key.includes(INVALID) || holdsInvalid(each))
  );
}

/** The heading of a table, and a parser of the rows below it. */
function openTable(
  text: string,
  isWhole: boolean,
  settings: ReadingSettings,
  fileName: string,
): DetectedDialect & { columns: string[]; parser: RecordParser<SourceRecord> } {
  const { dialect, doubt } = detectDialect(text, isWhole, settings);
  const skipped = takeDelimiterLine(text);
  const preview = new TableParser(dialect);
  const rows = preview.push(text.slice(skipped.length));
  const [heading] = rows.length > 0 || !isWhole ? rows : preview.end();
  if (heading === undefined || heading.problem !== undefined)
    throw new AppError(
      "invalid-input",
      `${fileName} has no heading, which must name the columns: its first line ${heading?.problem ?? "does not end"}.`,
    );
  if (heading.fields.some((field) => field.includes("\0")))
    throw new AppError("invalid-input", `${fileName} is binary, not text.`);
  const columns = nameColumns(heading.fields);
  const parser = new TableRecordParser(dialect, columns, heading.fields, skipped);
  return { dialect, doubt, columns, parser };
}

/** Each column by a name of its own: the second "answer" is "answer (2)", one without a name is "unnamed". */
function nameColumns(heading: readonly string[]): string[] {
  const times = new Map<string, number>();
  return heading.map((field) => {
    const name = field.trim() || "unnamed";
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    return time === 1 ? name : `${name} (${time})`;
  });
}

class TableRecordParser implements RecordParser<SourceRecord> {
  private readonly rows: TableParser;
  private isHeadingBehind = false;
  private isFirst = true;
  private readonly skippedLines: number;

  constructor(
    dialect: TableDialect,
    private readonly columns: readonly string[],
    private readonly heading: readonly string[],
    private readonly skipped: string,
  ) {
    this.rows = new TableParser(dialect);
    this.skippedLines = skipped === "" ? 0 : 1;
  }

  push(text: string): SourceRecord[] {
    const first = this.isFirst;
    this.isFirst = false;
    return this.toRecords(this.rows.push(first ? text.slice(this.skipped.length) : text));
  }

  end(): SourceRecord[] {
    return this.toRecords(this.rows.end());
  }

  /** Why a row is none: tables that were put together repeat their heading, Markdown draws a line below it. */
  private findNoRecord(fields: readonly string[]): string | null {
    if (fields.every((field, i) => field.trim() === this.heading[i]!.trim()))
      return "repeats the heading, as where tables were put together";
    const isLine =
      fields.some((field) => field.includes("---")) &&
      fields.every((field) => /^\s*(?::?-{3,}:?)?\s*$/.test(field));
    return isLine ? "is a line of dashes, as Markdown has below a heading" : null;
  }

  private toRecords(rows: readonly TableRow[]): SourceRecord[] {
    const below = this.isHeadingBehind ? rows : rows.slice(1);
    this.isHeadingBehind ||= rows.length > 0;
    return below.map((row) => {
      const line = row.line + this.skippedLines;
      if (row.problem !== undefined) return { line, problem: row.problem };
      const { fields } = row;
      const problem = this.findNoRecord(fields);
      if (problem !== null) return { line, problem };
      return {
        line,
        row: Object.fromEntries(this.columns.map((name, i) => [name, fields[i] ?? ""])),
      };
    });
  }
}
