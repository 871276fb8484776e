import { Readable } from "node:stream";
import { type Info, type Options, parse } from "csv-parse";
import { AppError } from "@/contracts/errors";
import { MAX_LINE_BYTES } from "../retrieval/lines";
import { openBytes } from "./bytes";
import type { Item, Reader } from "./item";
import { findColumns, rowItem, type Columns } from "./table-row";

/** What the parser gives with `info`. */
interface Parsed {
  record: string[];
  info: Info;
}

/**
 * CSV or TSV with a heading, gzipped or not. Quotes within a field may be wrong and rows may have too few or too many
 * fields: such a row is a bad line and the rest goes on. Read from the beginning every time, so that quotes are right.
 */
const readTable =
  (delimiter: string): Reader =>
  async function* (file, from, options) {
    const bytes = await openBytes(file);
    // A quote that is never closed would otherwise take the rest of the file into one field.
    const settings: Options = { delimiter, bom: true, info: true, relax_column_count: true, relax_quotes: true, skip_empty_lines: true, max_record_size: MAX_LINE_BYTES, ...(delimiter === "\t" ? { quote: null } : {}) };
    const parser = Readable.from(checkedUtf8(bytes.stream)).pipe(parse(settings));
    let heading: string[] | null = null;
    let columns: Columns | null = null;
    let row = 0;
    try {
      for await (const { record } of parser as AsyncIterable<Parsed>) {
        if (heading === null) {
          heading = record.map((name) => name.trim());
          columns = findColumns(heading, options, file.name);
          continue;
        }
        row += 1;
        if (row <= from.item || columns === null) continue;
        yield { place: { item: row, offset: bytes.consumed() }, ...item(heading, columns, record, row, file.name) };
      }
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError("invalid-input", `${file.name} cannot be read as ${delimiter === "\t" ? "TSV" : "CSV"} after row ${row}: ${(cause as Error).message}`, { cause });
    }
    if (heading === null) throw new AppError("invalid-input", `${file.name} has no heading: its first line must name the columns.`);
  };

function item(heading: readonly string[], columns: Columns, record: readonly string[], row: number, file: string): Pick<Item, "record" | "problem"> {
  if (record.length !== heading.length) return { record: null, problem: `has ${record.length} fields where the heading has ${heading.length}` };
  if (record.some((field) => field.includes(BROKEN))) return { record: null, problem: "is not valid UTF-8" };
  return rowItem(Object.fromEntries(heading.map((name, i) => [name, record[i]])), columns, row, `${file}:`);
}

/** Stands where bytes were not UTF-8; no text holds it, for it is no character. */
const BROKEN = "\ufdd0";

/** Decodes the bytes so that what is not UTF-8 is found again in its row, and the rows around it are not lost. */
async function* checkedUtf8(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  for await (const chunk of stream) yield marked(decoder.decode(chunk, { stream: true }));
  yield marked(decoder.decode());
}

// A file may hold U+FFFD itself, as a text that was once decoded wrongly does; it is no better for being encoded well.
const marked = (text: string): string => text.replaceAll("\ufffd", BROKEN);

export const readCsv: Reader = readTable(",");
export const readTsv: Reader = readTable("\t");
