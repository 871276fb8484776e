import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { z } from "zod";
import { RowTable } from "./row-table";

/**
 * The rows of a corpus file, saved beside it, so that it opens without being read: a line of JSON, then the offsets
 * (float64, one more than rows), the hashes of the ids and the slots of their table (uint32), all little-endian, as every
 * platform that we run on has them.
 */
const headerSchema = z.strictObject({
  version: z.literal(1),
  /** The documents' file that this is of: another size or time, and this is old. */
  bytes: z.int().nonnegative(),
  mtimeMs: z.number(),
  hash: z.string().length(64),
  documents: z.int().nonnegative(),
});
export type RowHeader = z.infer<typeof headerSchema>;

export interface Rows {
  /** Sha256 over the documents (`CorpusDigest`). */
  hash: string;
  /** Start of each row, and the end of the last. */
  starts: Float64Array;
  table: RowTable;
}

/** What tells one state of a file from another. */
type FileState = Pick<RowHeader, "bytes" | "mtimeMs">;

const HEADER_BYTES = 512;
const SLICE_BYTES = 256 * 1024 * 1024;

/** File of the rows of a corpus: "corpus.jsonl" -> "corpus.rows". */
export const getRowFilePath = (documents: string): string =>
  `${documents.replace(/\.jsonl$/, "")}.rows`;

/** Saves the rows of the documents' file in this state. */
export async function saveRows(
  documents: string,
  { bytes, mtimeMs }: FileState,
  { hash, starts, table }: Rows,
): Promise<void> {
  const { hashes, slots } = table.toArrays();
  const temporary = `${getRowFilePath(documents)}.${randomUUID()}`;
  try {
    const file = await open(temporary, "w");
    try {
      const head: RowHeader = { version: 1, bytes, mtimeMs, hash, documents: table.size };
      await file.writeFile(`${JSON.stringify(head).padEnd(HEADER_BYTES - 1)}\n`);
      for (const array of [starts, hashes, slots]) await writeAll(file, array);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, getRowFilePath(documents));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What is saved for the documents' file in this state, without its rows; null where nothing is. */
export async function readRowHeader(
  documents: string,
  state: FileState,
): Promise<RowHeader | null> {
  const file = await open(getRowFilePath(documents), "r").catch(() => null);
  if (!file) return null;
  try {
    return await readHeader(file, state);
  } finally {
    await file.close();
  }
}

/** The saved rows of the documents' file in this state; null where there are none of it, or they are damaged. */
export async function loadRows(documents: string, state: FileState): Promise<Rows | null> {
  const file = await open(getRowFilePath(documents), "r").catch(() => null);
  if (!file) return null;
  try {
    const head = await readHeader(file, state);
    if (!head) return null;
    const total =
      HEADER_BYTES +
      8 * (head.documents + 1) +
      4 * head.documents +
      4 * RowTable.countSlots(head.documents);
    if ((await file.stat()).size !== total) return null;
    const starts = new Float64Array(head.documents + 1);
    const hashes = new Uint32Array(head.documents);
    const slots = new Uint32Array(RowTable.countSlots(head.documents));
    let position = HEADER_BYTES;
    for (const array of [starts, hashes, slots]) {
      await readAll(file, array, position);
      position += array.byteLength;
    }
    return { hash: head.hash, starts, table: RowTable.fromArrays(hashes, slots) };
  } finally {
    await file.close();
  }
}

async function readHeader(
  file: FileHandle,
  { bytes, mtimeMs }: FileState,
): Promise<RowHeader | null> {
  const buffer = Buffer.alloc(HEADER_BYTES);
  await file.read(buffer, 0, HEADER_BYTES, 0);
  try {
    const head = headerSchema.parse(JSON.parse(buffer.toString("utf8")));
    return head.bytes === bytes && head.mtimeMs === mtimeMs ? head : null;
  } catch {
    return null;
  }
}

async function writeAll(file: FileHandle, array: Float64Array | Uint32Array): Promise<void> {
  const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  for (let at = 0; at < bytes.length; at += SLICE_BYTES)
    await file.writeFile(bytes.subarray(at, at + SLICE_BYTES));
}

async function readAll(
  file: FileHandle,
  array: Float64Array | Uint32Array,
  position: number,
): Promise<void> {
  const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  for (let at = 0; at < bytes.length;) {
    const { bytesRead } = await file.read(
      bytes,
      at,
      Math.min(SLICE_BYTES, bytes.length - at),
      position + at,
    );
    if (bytesRead === 0) throw new Error("the rows file ended early");
    at += bytesRead;
  }
}
