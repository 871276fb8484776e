import { AppError } from "@/contracts/errors";
import type { CorpusRecord } from "@/contracts/formats/corpus-lines";
import type { FoundCorpusFile } from "@/contracts/formats/corpus-reading";
import type { ReadingSettings } from "@/contracts/formats/reading";
import { openParquet, type ParquetRecords } from "@/core/reading/parquet-records";
import { readRecords } from "@/core/reading/read-records";
import type { SourceRecord, SourceRow } from "@/core/reading/source-record";
import {
  type ColumnSettings,
  type CorpusColumns,
  type FoundColumns,
  findCorpusColumns,
  requireCorpusColumns,
} from "./corpus-columns";
import { toCorpusRecord } from "./corpus-record";

/** Documents of the records of a file. Pure: bytes go in. */

/** A line, row or passage of a file: a document, or why it is none. */
export interface CorpusItem {
  /** The line on which it begins, or its row in parquet; counted from 1. */
  line: number;
  record: CorpusRecord | null;
  /** In words that follow "line 3 ". */
  problem: string | null;
}

/** How a file of records is read. */
export type CorpusReading = ReadingSettings & ColumnSettings;

/** A file that was looked at, and its items in batches. */
export interface OpenedCorpusFile {
  found: Omit<FoundCorpusFile, "gzip">;
  batches: AsyncGenerator<CorpusItem[]>;
}

/** Records that show which columns there are. */
const SHOWN_ROWS = 200;

/**
 * Opens JSON or a table.
 * @param from items to pass over
 * @param isBeginning as for `readRecords`
 * @throws AppError "invalid-input" where the file as a whole cannot be read, or its columns are not known
 */
export async function openCorpusRecords(
  bytes: AsyncIterable<Uint8Array>,
  reading: CorpusReading,
  fileName: string,
  kind: "json" | "table" | "auto",
  from = 0,
  isBeginning = false,
): Promise<OpenedCorpusFile> {
  const { found, doubt, records } = await readRecords(bytes, reading, fileName, kind, isBeginning);
  if (doubt !== null) throw new AppError("invalid-input", `${fileName}: ${doubt}`);
  const first = await takeFirstRows(records);
  const shown = first.flatMap((record) => (record.problem === undefined ? [record.row] : []));
  const keys = [...new Set(shown.slice(0, SHOWN_ROWS).flatMap((row) => Object.keys(row)))];
  const columns = found.form === "table" ? found.columns : keys;
  const textual = columns.filter((name) => shown.some((row) => isWordy(getOwn(row, name))));
  // Where no record can be read, each says why itself.
  const mapping =
    shown.length === 0 && found.form !== "table"
      ? null
      : requireCorpusColumns(columns, textual, reading, fileName);
  const getColumns = found.form === "table" ? () => mapping : createColumnFinder(reading, mapping);
  async function* read(): AsyncGenerator<CorpusItem[]> {
    let row = 0;
    for await (const batch of chain(first, records)) {
      const items = batch.flatMap((record) =>
        ++row <= from ? [] : [toItem(record, getColumns, `${fileName}:${row}`)],
      );
      yield items;
    }
  }
  return { found: { ...found, columns, mapping }, batches: read() };
}

/** The first batches, until one holds a record that can be read. */
async function takeFirstRows(records: AsyncGenerator<SourceRecord[]>): Promise<SourceRecord[]> {
  const first: SourceRecord[] = [];
  while (!first.some(({ problem }) => problem === undefined)) {
    const next = await records.next();
    if (next.done) break;
    first.push(...next.value);
  }
  return first;
}

async function* chain<T>(first: T, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first;
  yield* rest;
}

const getOwn = (row: SourceRow, name: string): unknown =>
  Object.hasOwn(row, name) ? row[name] : undefined;

/** A text that could be a title: no number, no address. */
const isWordy = (value: unknown): boolean =>
  typeof value === "string" &&
  value.trim() !== "" &&
  !/^\s*(?:[-+\d.,:eE/ ]+|\w+:\/\/\S+)\s*$/.test(value);

/** Objects of one file may have other keys than those before them; the same keys mean the same columns. */
function createColumnFinder(
  settings: ColumnSettings,
  first: CorpusColumns | null,
): (row: SourceRow) => FoundColumns | null {
  const known = new Map<string, FoundColumns>();
  return (row) => {
    const keys = Object.keys(row);
    const signature = keys.join("\n");
    let columns = known.get(signature);
    if (!columns) {
      const { id, title, text } = findCorpusColumns(keys, settings);
      // What is missing here is named as where it was there.
      columns = {
        id: id === undefined ? first?.id : id,
        title,
        text: text.length > 0 ? text : (first?.text ?? []),
      };
      if (known.size >= 1000) known.clear();
      known.set(signature, columns);
    }
    return columns;
  };
}

function toItem(
  record: SourceRecord,
  getColumns: (row: SourceRow) => FoundColumns | null,
  fallbackId: string,
): CorpusItem {
  const { line } = record;
  if (record.problem !== undefined) return { line, record: null, problem: record.problem };
  const columns = getColumns(record.row);
  if (columns?.id === undefined) return { line, record: null, problem: "has no id" };
  return { line, ...toCorpusRecord(record.row, { ...columns, id: columns.id }, fallbackId) };
}

/** Opens parquet. @throws as `openCorpusRecords` does */
export async function openCorpusParquet(
  file: Parameters<typeof openParquet>[0],
  reading: CorpusReading,
  fileName: string,
  from = 0,
): Promise<OpenedCorpusFile & { getShare: () => number }> {
  const parquet: ParquetRecords = await openParquet(file, fileName);
  const mapping = requireCorpusColumns(parquet.columns, parquet.textual, reading, fileName);
  const wanted = [mapping.id, mapping.title, ...mapping.text].filter((name) => name !== null);
  let share = 0;
  async function* read(): AsyncGenerator<CorpusItem[]> {
    for await (const group of parquet.read(wanted, from)) {
      yield group.rows.map((row, i) => {
        const line = group.start + i + 1;
        return { line, ...toCorpusRecord(row, mapping, `${fileName}:${line}`) };
      });
      ({ share } = group);
    }
  }
  return {
    found: { form: "parquet", encoding: null, dialect: null, columns: parquet.columns, mapping },
    batches: read(),
    getShare: () => share,
  };
}
