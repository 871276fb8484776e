import { open, type FileHandle } from "node:fs/promises";
import type { AsyncBuffer } from "hyparquet";
import { AppError } from "@/contracts/errors";
import type { FoundCorpusFile } from "@/contracts/formats/corpus-reading";
import {
  type OpenedCorpusFile,
  openCorpusParquet,
  openCorpusRecords,
} from "@/core/corpora/read-corpus-records";
import {
  adviseOnContainer,
  CONTAINER_HEAD_BYTES,
  detectContainer,
} from "@/core/reading/containers";
import { READ_CHUNK_BYTES } from "@/gpu-workers/corpora/file/lines";
import { gunzip } from "@/lib/gunzip";
import { openCorpusText } from "./read-text";
import type { Format, InputFile, ReadingOptions } from "./source-files";
import { listPaths, openJoinedBytes } from "./split-parts";

/** A file of a source that was looked at. */
export interface OpenedSourceFile extends OpenedCorpusFile {
  found: FoundCorpusFile;
  /** Bytes of the file, as it lies on the disk, that are behind. */
  getOffset: () => number;
  close: () => Promise<void>;
}

/**
 * Opens a file of documents, unpacked where it is gzip. What it holds is told by its bytes; its format says whether it
 * is text to be cut into passages, and whether lines that are no JSON are faults.
 * @param from items to pass over
 * @param headBytes read no more than these first bytes; parquet is read by its rows instead
 * @throws AppError "invalid-input" where the file as a whole cannot be read
 */
export async function openSourceFile(
  file: InputFile,
  format: Format,
  reading: ReadingOptions,
  from: number,
  headBytes = Infinity,
): Promise<OpenedSourceFile> {
  const handle = await open(file.path, "r");
  try {
    const head = Buffer.alloc(CONTAINER_HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    const container = detectContainer(head.subarray(0, bytesRead));
    const isParquet = container === "parquet" || (format === "parquet" && container === null);
    if (isParquet && listPaths(file).length > 1)
      throw new AppError(
        "invalid-input",
        `${file.name} is parquet in parts, which is read from its end: put them together first (cat ...part_* > NAME.parquet).`,
      );
    if (isParquet) return await openParquetFile(handle, file, reading, from);
    if (container !== null && container !== "gzip")
      throw new AppError("invalid-input", `${file.name} ${adviseOnContainer(container)}.`);
    const isGzip = container === "gzip";
    return await openTextFile(handle, file, format, reading, from, isGzip, headBytes);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openTextFile(
  handle: FileHandle,
  file: InputFile,
  format: Format,
  reading: ReadingOptions,
  from: number,
  isGzip: boolean,
  headBytes: number,
): Promise<OpenedSourceFile> {
  const isBeginning = file.bytes > headBytes;
  const joined = openJoinedBytes(listPaths(file), {
    chunkBytes: READ_CHUNK_BYTES,
    ...(isBeginning && { length: headBytes }),
  });
  const bytes = isGzip ? unpack(joined.bytes, file.name, isBeginning) : joined.bytes;
  const opened =
    format === "text"
      ? await openCorpusText(bytes, reading, file.name, from)
      : await openCorpusRecords(
          bytes,
          reading,
          file.name,
          format === "jsonl" ? "json" : "auto",
          from,
          isBeginning,
        );
  return {
    found: { ...opened.found, gzip: isGzip },
    batches: opened.batches,
    getOffset: joined.getOffset,
    close: async () => {
      joined.close();
      await handle.close();
    },
  };
}

async function* unpack(
  packed: AsyncIterable<Uint8Array>,
  name: string,
  isBeginning: boolean,
): AsyncGenerator<Buffer> {
  try {
    yield* gunzip(packed, isBeginning);
  } catch (cause) {
    throw new AppError("invalid-input", `${name} ${(cause as Error).message}.`, { cause });
  }
}

async function openParquetFile(
  handle: FileHandle,
  file: InputFile,
  reading: ReadingOptions,
  from: number,
): Promise<OpenedSourceFile> {
  const { found, batches, getShare } = await openCorpusParquet(
    createAsyncBuffer(handle, file.bytes),
    reading,
    file.name,
    from,
  );
  return {
    found: { ...found, gzip: false },
    batches,
    getOffset: () => Math.round(getShare() * file.bytes),
    close: () => handle.close(),
  };
}

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
