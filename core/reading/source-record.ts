/** A record of a file, as all readers give it. */

/** A record longer than this is a broken one: a bracket or a quote is not closed. */
export const MAX_RECORD_CHARACTERS = 64 * 1024 * 1024;

/** A record as its file has it: columns of a table with their texts, or a JSON object. */
export type SourceRow = Readonly<Record<string, unknown>>;

/** A record and the line on which it starts, counted from 1; or why it cannot be read, in the words "is not JSON: ...". */
export type SourceRecord =
  { line: number; row: SourceRow; problem?: undefined } | { line: number; problem: string };

/** Makes records of a text that comes in pieces; where it was cut makes no difference. */
export interface RecordParser<T> {
  /** The records that this piece completes. */
  push(text: string): T[];
  /** What is left. */
  end(): T[];
}
