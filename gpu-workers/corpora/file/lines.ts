import { createReadStream } from "node:fs";
import { LineError } from "@/contracts/formats/corpus-lines";

/** Longest line of a corpus or question file: longer ones are a broken file, not a document. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
export const READ_CHUNK_BYTES = 1024 * 1024;

export interface FileLine {
  /** Counted from 1. */
  number: number;
  text: string;
  /** Where its bytes start in the file, and how many they are without the line break. */
  offset: number;
  length: number;
  /** Where the line after it starts. */
  next: number;
}

/** A line that is no text: what is wrong with it, in the words of a `LineError`. */
export type BadFileLine = Omit<FileLine, "text"> & { problem: string };

export interface ScanOptions {
  maxBytes?: number;
  /** Number of the line before the first, and the offset of the first: where the bytes do not begin with the file. */
  after?: { number: number; offset: number };
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts UTF-8 bytes into lines in constant memory. A byte-order mark and "\r\n" are taken off. A line that is not UTF-8
 * or longer than `maxBytes` comes as a `BadFileLine`, its bytes dropped, and the lines after it follow.
 */
export async function* scanLines(
  bytes: AsyncIterable<Buffer>,
  { maxBytes = MAX_LINE_BYTES, after }: ScanOptions = {},
): AsyncGenerator<FileLine | BadFileLine> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let number = after?.number ?? 0;
  let offset = after?.offset ?? 0;
  let parts: Buffer[] = [];
  let partBytes = 0;

  const take = (part: Buffer): void => {
    partBytes += part.length;
    if (partBytes > maxBytes) parts = [];
    else parts.push(part);
  };
  const line = (breakBytes: 0 | 1): FileLine | BadFileLine => {
    number += 1;
    const place = { number, offset, length: partBytes, next: offset + partBytes + breakBytes };
    if (partBytes > maxBytes)
      return { ...place, problem: `is longer than ${maxBytes / 1024 / 1024} MiB` };
    let text = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    if (text.at(-1) === CARRIAGE_RETURN) text = text.subarray(0, -1);
    try {
      return { ...place, text: decoder.decode(text), length: text.length };
    } catch {
      return { ...place, problem: "is not valid UTF-8" };
    }
  };

  for await (const chunk of bytes) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      take(chunk.subarray(start, end));
      yield line(1);
      offset += partBytes + 1;
      parts = [];
      partBytes = 0;
      start = end + 1;
    }
    if (start < chunk.length) take(chunk.subarray(start));
  }
  if (partBytes > 0) yield line(0);
}

/** Reads a UTF-8 text file line by line. Throws `LineError` where a line is not UTF-8 or longer than `maxBytes`. */
export async function* readLines(
  path: string,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<FileLine> {
  for await (const line of scanLines(createReadStream(path, { highWaterMark: READ_CHUNK_BYTES }), {
    maxBytes,
  })) {
    if ("problem" in line) throw new LineError(line.number, line.problem);
    yield line;
  }
}
