import { CsvError, type Options, parse, type Parser } from "csv-parse";
import { MAX_LINE_BYTES, READ_CHUNK_BYTES } from "@/gpu-workers/corpora/file/lines";

/** A record of a table and the line on which it starts, counted from 1; or what is wrong with that line. */
export type TableRecord = { line: number; fields: string[] } | { line: number; problem: string };

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts the UTF-8 bytes of a CSV file into records, in memory of at most a few times `maxBytes`. Quotes within a field may
 * be wrong. A record that is longer than `maxBytes`, or whose quote is never closed, has its first line taken for bad,
 * and reading goes on with the line after that.
 *
 * @throws what the parser cannot read for any other reason
 */
export async function* readCsvRecords(
  stream: AsyncIterable<Buffer>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<TableRecord> {
  const limit = `${maxBytes / 1024 / 1024} MiB`;
  const open = new PendingBytes();
  let parser = new CsvParser(maxBytes, true);
  // Within a line that is left out: its end has not come yet.
  let skipping = false;

  async function* take(first: Buffer | "end"): AsyncGenerator<TableRecord> {
    const todo: (Buffer | "end")[] = [first];
    for (let next = todo.shift(); next !== undefined; next = todo.shift()) {
      if (next !== "end" && skipping) {
        const rest = open.skipLine(next);
        if (rest === null) continue;
        skipping = false;
        next = rest;
      }
      if (next !== "end") open.add(next);
      const { records, error } = await parser.parse(next);
      for (const { fields, bytes } of records) yield { line: open.takeRecord(bytes), fields };
      if (error === null) continue;
      if (
        !(error instanceof CsvError) ||
        (error.code !== "CSV_MAX_RECORD_SIZE" && error.code !== "CSV_QUOTE_NOT_CLOSED")
      )
        throw error;
      const { line, bytes, rest } = open.takeLine();
      yield {
        line,
        problem:
          error.code === "CSV_MAX_RECORD_SIZE" && bytes > maxBytes
            ? `is longer than ${limit}`
            : `opens a quote that is not closed ${error.code === "CSV_QUOTE_NOT_CLOSED" ? "by the end of the file" : `within ${limit}`}; close it, or double the quotes that belong to the text`,
      };
      parser = new CsvParser(maxBytes, false);
      skipping = rest === null;
      const again: (Buffer | "end")[] = [];
      // In pieces, so that the records of all of it do not come at once.
      for (let at = 0; rest !== null && at < rest.length; at += READ_CHUNK_BYTES)
        again.push(rest.subarray(at, at + READ_CHUNK_BYTES));
      todo.unshift(...again, ...(next === "end" ? [next] : []));
    }
  }

  for await (const chunk of stream) yield* take(chunk);
  yield* take("end");
}

/** The bytes that belong to no record yet: what is read again where a record turns out to be none. */
class PendingBytes {
  private parts: Buffer[] = [];
  /** The line on which they begin. */
  private line = 1;
  private lineBreak = LINE_FEED;
  private first = true;

  add(bytes: Buffer): void {
    this.parts.push(bytes);
  }

  /** Takes the bytes of a record off, blank lines before it included; gives the line on which it starts. */
  takeRecord(bytes: number): number {
    let start: number | null = null;
    for (let left = bytes; left > 0;) {
      const [part] = this.parts;
      if (!part) break;
      const piece = part.subarray(0, left);
      left -= piece.length;
      // Lines that end as on an old Macintosh: the heading tells.
      if (this.first && left === 0 && piece.at(-1) === CARRIAGE_RETURN)
        this.lineBreak = CARRIAGE_RETURN;
      for (let i = 0; i < piece.length; i++) {
        const byte = piece[i];
        if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) start ??= this.line;
        if (byte === this.lineBreak) this.line += 1;
      }
      if (piece.length === part.length) this.parts.shift();
      else this.parts[0] = part.subarray(piece.length);
    }
    this.first = false;
    return start ?? this.line;
  }

  /** Takes the first line that is not blank off; gives its number, its length, and all after it: null where its end has not come. */
  takeLine(): { line: number; bytes: number; rest: Buffer | null } {
    const bytes = Buffer.concat(this.parts);
    this.parts = [];
    let start = 0;
    for (; bytes[start] === LINE_FEED || bytes[start] === CARRIAGE_RETURN; start++)
      if (bytes[start] === this.lineBreak) this.line += 1;
    const { line } = this;
    const rest = this.skipLine(bytes.subarray(start));
    return { line, bytes: bytes.length - start - (rest?.length ?? 0), rest };
  }

  /** What follows the line's end in these bytes, which are not added; null where they do not hold it. */
  skipLine(bytes: Buffer): Buffer | null {
    const end = bytes.indexOf(this.lineBreak);
    if (end < 0) return null;
    this.line += 1;
    return bytes.subarray(end + 1);
  }
}

/** csv-parse, which gives the records of each piece before it tells that the piece holds something wrong. */
class CsvParser {
  private readonly parser: Parser;
  private records: { fields: string[]; bytes: number }[] = [];
  private behind = 0;

  constructor(maxBytes: number, bom: boolean) {
    const options: Options = {
      bom,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      // A quote that is never closed would otherwise take the rest of the file into one field.
      max_record_size: maxBytes,
      // Records that wait in a stream are lost when it fails, so none are given to it.
      on_record: (fields: string[], { bytes }: { bytes: number }) => {
        this.records.push({ fields, bytes: bytes - this.behind });
        this.behind = bytes;
        return null;
      },
    };
    this.parser = parse(options);
    this.parser.on("error", () => undefined); // told to the callbacks below
  }

  /** The records that these bytes complete, how many bytes each took, and what is wrong after them. */
  async parse(
    bytes: Buffer | "end",
  ): Promise<{ records: { fields: string[]; bytes: number }[]; error: Error | null }> {
    const error = await new Promise<Error | null>((resolve) => {
      const done = (cause?: Error | null): void => resolve(cause ?? null);
      if (bytes === "end") this.parser.end(done);
      else this.parser.write(bytes, done);
    });
    const { records } = this;
    this.records = [];
    return { records, error };
  }
}
