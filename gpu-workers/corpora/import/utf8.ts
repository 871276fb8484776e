import { isUtf8 } from "node:buffer";

/** Stands where bytes were not UTF-8; no text holds it, for it is no character. */
export const INVALID = "\ufdd0";
/** What decoders put there instead. A text may hold it itself, which is no fault of its bytes. */
export const REPLACEMENT = "\ufffd";

/**
 * Bytes of a text as UTF-8, cut between characters only. What is not UTF-8 becomes `BROKEN`, so that it is found again
 * in its line or row and nothing around it is lost. Where the stream was cut makes no difference.
 */
export async function* markInvalidUtf8(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    const bytes = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
    const end = findLastStart(bytes);
    held = Buffer.from(bytes.subarray(end));
    if (end > 0) yield markInvalid(bytes.subarray(0, end));
  }
  if (held.length > 0) yield markInvalid(held);
}

/** Where the last character starts, if the bytes may end within it; their end otherwise. */
function findLastStart(bytes: Buffer): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 3); at--) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0xc0) return at;
    if (byte < 0x80) break;
  }
  return bytes.length;
}

function markInvalid(bytes: Buffer): Buffer {
  if (isUtf8(bytes)) return bytes;
  const parts: string[] = [];
  let start = 0;
  for (let at = bytes.indexOf(REPLACEMENT); at >= 0; at = bytes.indexOf(REPLACEMENT, start)) {
    parts.push(bytes.toString("utf8", start, at));
    start = at + Buffer.byteLength(REPLACEMENT);
  }
  parts.push(bytes.toString("utf8", start));
  return Buffer.from(parts.map((part) => part.replaceAll(REPLACEMENT, INVALID)).join(REPLACEMENT));
}
