import { Readable } from "node:stream";
import { constants, createGunzip } from "node:zlib";

/** Text packs ten times, tables of repeated values a hundred times; what a thousandfold comes of was made to fill disks. */
const MAX_RATIO = 200;
/** Below this size any ratio is taken. */
const FREE_BYTES = 64 * 2 ** 20;
const CHUNK_BYTES = 2 ** 20;

/**
 * Unpacks gzip of one or several members, in constant memory.
 * @param isBeginning these are a file's first bytes only, and their end is none of its
 * @throws Error in words that follow the file's name: where it is cut off or no gzip, or unpacks to far more than any
 *   file of people's does
 */
export async function* gunzip(
  packed: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  isBeginning = false,
): AsyncGenerator<Buffer> {
  let read = 0;
  let written = 0;
  async function* count(): AsyncGenerator<Uint8Array> {
    for await (const chunk of packed) {
      read += chunk.length;
      yield chunk;
    }
  }
  const source = Readable.from(count(), { objectMode: false });
  const unzip = createGunzip({
    chunkSize: CHUNK_BYTES,
    ...(isBeginning && { finishFlush: constants.Z_SYNC_FLUSH }),
  });
  source.once("error", (error) => unzip.destroy(error));
  try {
    for await (const chunk of source.pipe(unzip)) {
      written += (chunk as Buffer).length;
      if (written > FREE_BYTES && written > MAX_RATIO * read)
        throw new Error(
          `unpacks to more than ${MAX_RATIO} times its size, so reading was ended; unpack it yourself where that is meant`,
        );
      yield chunk as Buffer;
    }
  } catch (cause) {
    if (!(cause instanceof Error) || !("code" in cause)) throw cause;
    throw new Error(`is not a whole gzip file (${cause.message}); bring it anew`, { cause });
  } finally {
    source.destroy();
    unzip.destroy();
  }
}
