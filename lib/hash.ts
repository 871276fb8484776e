import { createHash, timingSafeEqual } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Transform, type TransformCallback } from "node:stream";
import { READ_CHUNK_BYTES } from "./hash-file.mjs";

export { hashFile } from "./hash-file.mjs";

/** Sha256 (hex) of a text's UTF-8 bytes, or of bytes. */
export const hashText = (text: string | Uint8Array): string =>
  createHash("sha256").update(text).digest("hex");

/** Sha256 (hex) of a value's JSON, its keys in the order in which they stand. */
export const hashJson = (value: unknown): string => hashText(JSON.stringify(value));

/** Whether a secret is the expected one, in a time that does not tell where they differ. */
export const isSameSecret = (shown: string, expected: string): boolean =>
  timingSafeEqual(Buffer.from(hashText(shown)), Buffer.from(hashText(expected)));

/**
 * Git's id (hex) of a file's content as a blob: the sha1 of its kind, its length in bytes and its content.
 *
 * @throws the signal's reason once it is aborted
 */
export async function hashGitBlob(path: string, signal?: AbortSignal): Promise<string> {
  const { size } = await stat(path);
  const hash = createHash("sha1").update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path, {
    highWaterMark: READ_CHUNK_BYTES,
  }) as AsyncIterable<Buffer>) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest("hex");
}

/** Passes bytes on, counts them and computes their sha256. */
export class HashingStream extends Transform {
  /** So many have come. */
  bytes = 0;
  private readonly hash = createHash("sha256");

  /** @param check is given the bytes so far; what it throws ends the stream */
  constructor(private readonly check: (bytes: number) => void = () => undefined) {
    super();
    // Whoever reads may begin later; until then an error that nobody hears would end the process.
    this.on("error", () => undefined);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    try {
      this.check(this.bytes);
    } catch (error) {
      done(error as Error);
      return;
    }
    this.hash.update(chunk);
    done(null, chunk);
  }

  /** Sha256 (hex) of all that came; to be asked for once. */
  digest(): string {
    return this.hash.digest("hex");
  }
}
