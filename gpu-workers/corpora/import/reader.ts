import type { CorpusRecord } from "@/contracts/formats/corpus-lines";
import type { CorpusSource } from "@/contracts/run-config/corpus-source";

/** Where a reader is in a file: enough to go on from there and to say how far it is. */
export interface Place {
  /** Lines, rows or passages taken so far. */
  item: number;
  /** Bytes of the file behind it; a reader that can only read from the beginning uses them for progress alone. */
  offset: number;
}

export const START: Place = { item: 0, offset: 0 };

/** One line, row or passage of a source: a document, or why it is none. Null record: a blank line. */
export interface Item {
  /** The place after it. */
  place: Place;
  /** Where it stands in the file, for people: the line on which it begins, or its row in parquet; counted from 1. */
  line: number;
  record: CorpusRecord | null;
  /** In the words of a `LineError`: "is not JSON: ...". */
  problem: string | null;
}

/** A file to read, and its name within the source. */
export interface InputFile {
  path: string;
  name: string;
  bytes: number;
}

export type Format = Exclude<Reading["format"], "auto">;
type Reading = Extract<CorpusSource, { kind: "path" }>;
/** How files are read: the settings of a source that are about that. */
export type ReadingOptions = Pick<
  Reading,
  "format" | "chunkTokens" | "chunkOverlap" | "idColumn" | "titleColumn" | "textColumn"
>;

/**
 * Reads a file from a place on, in constant memory. What it gives from a place is what it would have given after it,
 * had it not been stopped: an import that goes on equals one that was never interrupted.
 *
 * @throws AppError "invalid-input" where the file as a whole cannot be read
 */
export type Reader = (
  file: InputFile,
  from: Place,
  options: ReadingOptions,
) => AsyncGenerator<Item>;
