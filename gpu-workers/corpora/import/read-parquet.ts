import { open, type FileHandle } from "node:fs/promises";
import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { AppError } from "@/contracts/errors";
import type { Reader } from "./reader";
import { findColumns, toRowItem } from "./table-row";

/**
 * Parquet with any of its compressions, a row group at a time: memory is that of the columns of the largest group.
 * Goes on within a row group by its row.
 */
export const readParquet: Reader = async function* (file, from, options) {
  const handle = await open(file.path, "r");
  try {
    const buffer = createAsyncBuffer(handle, file.bytes);
    const metadata = await readOrThrow(file.name, () => parquetMetadataAsync(buffer));
    const names = parquetSchema(metadata).children.map((column) => column.element.name);
    const columns = findColumns(names, options, file.name);
    const wanted = [columns.id, columns.title, columns.text].filter(
      (name): name is string => name !== null,
    );
    let start = 0;
    let behind = 0;
    for (const group of metadata.row_groups) {
      const rows = Number(group.num_rows);
      const end = start + rows;
      behind += Number(group.total_byte_size);
      if (end > from.item && rows > 0) {
        const first = Math.max(start, from.item);
        const values = await readOrThrow(file.name, () =>
          parquetReadObjects({
            file: buffer,
            metadata,
            columns: [...new Set(wanted)],
            rowStart: first,
            rowEnd: end,
            compressors,
          }),
        );
        const size =
          metadata.row_groups.reduce((sum, g) => sum + Number(g.total_byte_size), 0) || 1;
        const before = behind - Number(group.total_byte_size);
        for (const [i, value] of values.entries()) {
          const row = first + i + 1;
          const share = (before + ((row - start) / rows) * Number(group.total_byte_size)) / size;
          yield {
            place: { item: row, offset: Math.round(share * file.bytes) },
            line: row,
            ...toRowItem(value, columns, row, `${file.name}:`),
          };
        }
      }
      start = end;
    }
  } finally {
    await handle.close();
  }
};

function createAsyncBuffer(file: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const bytes = new Uint8Array(end - start);
      let at = 0;
      while (at < bytes.length) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at);
        if (bytesRead === 0) throw new Error("the file ended early");
        at += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

async function readOrThrow<T>(name: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new AppError(
      "invalid-input",
      `${name} cannot be read as parquet: ${(cause as Error).message}`,
      { cause },
    );
  }
}
