import {
  type AsyncBuffer,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { AppError } from "@/contracts/errors";
import { LiteralError, parseJson } from "./literals";
import { createConverter, KEEP_BYTES } from "./parquet-values";
import type { SourceRow } from "./source-record";

/** The rows of a parquet file with any of its compressions; 64-bit numbers are bigint, so exact. */
export interface ParquetRecords {
  columns: string[];
  /** Columns that hold texts, by their type. */
  textual: string[];
  /** Rows after the first `from`, those of a row group at once: memory is that of its columns. */
  read: (columns: readonly string[], from?: number) => AsyncGenerator<ParquetRows>;
}

export interface ParquetRows {
  rows: SourceRow[];
  /** Rows before the first of these. */
  start: number;
  /** Share of the file that is behind after them. */
  share: number;
}

/**
 * Damaged bytes can make the parser loop or take all memory: it belongs in a process of its own (isolated-process.ts).
 * @throws AppError "invalid-input" where it is no parquet or is damaged
 */
export async function openParquet(file: AsyncBuffer, fileName: string): Promise<ParquetRecords> {
  const read = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw new AppError(
        "invalid-input",
        `${fileName} cannot be read as parquet: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
  };
  const metadata = await read(() => parquetMetadataAsync(file));
  const { children } = parquetSchema(metadata);
  const names = children.map(({ element }) => element.name);
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined)
    throw new AppError(
      "invalid-input",
      `${fileName} has two columns ${JSON.stringify(repeated)}: rename one of them.`,
    );
  const converters = children.flatMap((column) => {
    const convert = createConverter(column);
    return convert ? [[column.element.name, convert] as const] : [];
  });
  const total = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  return {
    columns: names,
    textual: children.flatMap(({ element: { name, type, repetition_type: repeated } }) =>
      type === "BYTE_ARRAY" && repeated !== "REPEATED" ? [name] : [],
    ),
    async *read(columns, from = 0) {
      let start = 0;
      for (const group of metadata.row_groups) {
        const end = start + Number(group.num_rows);
        const first = Math.max(start, from);
        start = end;
        if (first >= end) continue;
        const rows = await read(() =>
          parquetReadObjects({
            file,
            metadata,
            columns: [...new Set(columns)],
            rowStart: first,
            rowEnd: end,
            compressors,
            parsers: PARSERS,
          }),
        );
        for (const row of rows)
          for (const [name, convert] of converters)
            if (Object.hasOwn(row, name)) row[name] = convert(row[name]);
        yield { rows, start: first, share: end / total };
      }
    },
  };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Texts of which some bytes are no UTF-8 stay bytes, which are no text to any reader; numbers of JSON are exact. */
const PARSERS = {
  ...KEEP_BYTES,
  stringFromBytes(bytes: Uint8Array | undefined): string | Uint8Array | undefined {
    try {
      return bytes && decoder.decode(bytes);
    } catch {
      return bytes?.slice();
    }
  },
  jsonFromBytes(bytes: Uint8Array | undefined): unknown {
    const text = PARSERS.stringFromBytes(bytes);
    try {
      return typeof text === "string" ? parseJson(text) : text;
    } catch (error) {
      if (error instanceof LiteralError) return text;
      throw error;
    }
  },
};
