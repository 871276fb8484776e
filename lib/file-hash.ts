import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

const READ_CHUNK_BYTES = 1024 * 1024;

/** Sha256 (hex) of a file's content, read in constant memory. Throws the signal's reason once it is aborted. */
export async function sha256Of(
  path: string,
  signal?: AbortSignal,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, {
    highWaterMark: READ_CHUNK_BYTES,
  }) as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    hash.update(chunk);
    onBytes(chunk.length);
  }
  return hash.digest("hex");
}
