import { AppError } from "@/contracts/errors";
import { scanLines } from "@/gpu-workers/corpora/file/lines";
import { openBytes } from "./file-bytes";
import { readCsvRecords, type TableRecord } from "./csv-records";
import type { Item, Reader } from "./reader";
import { findColumns, toRowItem, type Columns } from "./table-row";
import { INVALID, markInvalidUtf8 } from "./utf8";

/**
 * A table with a heading, gzipped or not. A row that cannot be used is a bad line and the rest goes on. Read from the
 * beginning every time, so that heading and quotes are right.
 */
const createTableReader = (
  format: string,
  recordsOf: (stream: AsyncIterable<Buffer>) => AsyncGenerator<TableRecord>,
): Reader =>
  async function* (file, from, options) {
    const bytes = await openBytes(file);
    let heading: string[] | null = null;
    let columns: Columns | null = null;
    let row = 0;
    try {
      for await (const record of recordsOf(bytes.stream)) {
        if (heading === null || columns === null) {
          if ("problem" in record)
            throw new AppError(
              "invalid-input",
              `${file.name} has no heading, which must name the columns: its line ${record.line} ${record.problem}.`,
            );
          heading = record.fields.map((name) => name.trim());
          columns = findColumns(heading, options, file.name);
          continue;
        }
        row += 1;
        if (row <= from.item) continue;
        yield {
          place: { item: row, offset: bytes.consumed() },
          line: record.line,
          ...toItem(heading, columns, record, row, file.name),
        };
      }
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError(
        "invalid-input",
        `${file.name} cannot be read as ${format} after row ${row}: ${(cause as Error).message}`,
        { cause },
      );
    }
    if (heading === null)
      throw new AppError(
        "invalid-input",
        `${file.name} has no heading: its first line must name the columns.`,
      );
  };

function toItem(
  heading: readonly string[],
  columns: Columns,
  record: TableRecord,
  row: number,
  file: string,
): Pick<Item, "record" | "problem"> {
  if ("problem" in record) return { record: null, problem: record.problem };
  const { fields } = record;
  if (fields.length !== heading.length)
    return {
      record: null,
      problem: `has ${fields.length} fields where the heading has ${heading.length}`,
    };
  if (fields.some((field) => field.includes(INVALID)))
    return { record: null, problem: "is not valid UTF-8" };
  return toRowItem(
    Object.fromEntries(heading.map((name, i) => [name, fields[i]])),
    columns,
    row,
    `${file}:`,
  );
}

/** TSV has no quotes, so a line is a row. */
async function* readTsvRecords(stream: AsyncIterable<Buffer>): AsyncGenerator<TableRecord> {
  for await (const line of scanLines(stream)) {
    if ("problem" in line) yield { line: line.number, problem: line.problem };
    else if (line.text !== "") yield { line: line.number, fields: line.text.split("\t") };
  }
}

export const readCsv: Reader = createTableReader("CSV", (stream) =>
  readCsvRecords(markInvalidUtf8(stream)),
);
export const readTsv: Reader = createTableReader("TSV", readTsvRecords);
