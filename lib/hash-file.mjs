/** Sums of files, also for set-up, which runs before any package is there. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

export const READ_CHUNK_BYTES = 1024 * 1024;

/**
 * Sha256 (hex) of a file's content, of several as if they were one, read in constant memory.
 *
 * @param {string | readonly string[]} paths
 * @param {AbortSignal} [signal] its reason is thrown once it is aborted
 * @param {(bytes: number) => void} [onBytes] is given the size of each part that was read
 */
export async function hashFile(paths, signal, onBytes = () => undefined) {
  const hash = createHash("sha256");
  for (const path of [paths].flat()) {
    const parts = createReadStream(path, { highWaterMark: READ_CHUNK_BYTES });
    for await (const chunk of /** @type {AsyncIterable<Buffer>} */ (parts)) {
      signal?.throwIfAborted();
      hash.update(chunk);
      onBytes(chunk.length);
    }
  }
  return hash.digest("hex");
}
