import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { AppError } from "@/contracts/errors";
import { READ_CHUNK_BYTES } from "@/gpu-workers/corpora/file/lines";
import type { InputFile } from "./reader";

/** Bytes of a file, unpacked where they are gzip, and how far in the file as it lies on disk they come from. */
export interface FileBytes {
  stream: AsyncIterable<Buffer>;
  gzip: boolean;
  /** Bytes of the file on disk that were read so far. */
  consumed(): number;
}

/** By its first bytes, not by its name. */
async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const head = Buffer.alloc(2);
    const { bytesRead } = await file.read(head, 0, 2, 0);
    return bytesRead === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    await file.close();
  }
}

/**
 * Opens a file for reading from a byte on; a gzipped one only from its beginning.
 * The stream fails with `invalid-input` where the file is cut off or no gzip inside.
 */
export async function openBytes({ path, name }: InputFile, start = 0): Promise<FileBytes> {
  const gzip = await isGzip(path);
  const source = createReadStream(path, {
    start: gzip ? 0 : start,
    highWaterMark: READ_CHUNK_BYTES,
  });
  const base = gzip ? 0 : start;
  const consumed = (): number => base + source.bytesRead;
  if (!gzip) return { stream: source as AsyncIterable<Buffer>, gzip, consumed };
  return { stream: gunzip(source, name), gzip, consumed };
}

async function* gunzip(source: Readable, name: string): AsyncGenerator<Buffer> {
  const out = new PassThrough({ highWaterMark: READ_CHUNK_BYTES });
  const done = pipeline(source, createGunzip({ chunkSize: READ_CHUNK_BYTES }), out);
  // Its failure comes out of the loop below; here it must only not go unheard.
  done.catch(() => undefined);
  try {
    for await (const chunk of out) yield chunk as Buffer;
    await done;
  } catch (cause) {
    throw new AppError(
      "invalid-input",
      `${name} is not a whole gzip file (${(cause as Error).message}). Bring it anew and resume the run.`,
      { cause },
    );
  } finally {
    source.destroy();
    out.destroy();
  }
}
