import { createReadStream } from "node:fs";
import { LineError } from "@/contracts/corpus";

/** Longest line of a corpus or question file: longer ones are a broken file, not a document. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

export interface FileLine {
  /** Counted from 1. */
  number: number;
  text: string;
  /** Where its bytes start in the file, and how many they are without the line break. */
  offset: number;
  length: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Reads a UTF-8 text file line by line in constant memory. A byte-order mark and "\r\n" are taken off.
 * Throws `LineError` where a line is not UTF-8 or longer than `maxBytes`.
 */
export async function* readLines(path: string, maxBytes = MAX_LINE_BYTES): AsyncGenerator<FileLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = 0;
  let offset = 0;
  let parts: Buffer[] = [];
  let partBytes = 0;

  const take = (part: Buffer): void => {
    partBytes += part.length;
    if (partBytes > maxBytes) throw new LineError(number + 1, `is longer than ${maxBytes / 1024 / 1024} MiB`);
    parts.push(part);
  };
  const line = (): FileLine => {
    number += 1;
    let bytes = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    if (bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1);
    try {
      return { number, text: decoder.decode(bytes), offset, length: bytes.length };
    } catch (cause) {
      throw new LineError(number, "is not valid UTF-8", { cause });
    }
  };

  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      take(chunk.subarray(start, end));
      yield line();
      offset += partBytes + 1;
      parts = [];
      partBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) take(chunk.subarray(start));
  }
  if (partBytes > 0) yield line();
}
