import type { Delimiter, TableDialect } from "@/contracts/formats/reading";
import { MAX_RECORD_CHARACTERS, type RecordParser } from "./source-record";

/** Cuts the text of a table into its rows, in pieces as it comes. */

/** A row: its fields and the line on which it starts, counted from 1; or what is wrong with that line. */
export type TableRow =
  { line: number; fields: string[]; problem?: undefined } | { line: number; problem: string };

export const DELIMITER_CHARACTERS: Readonly<Record<Delimiter, string>> = {
  comma: ",",
  tab: "\t",
  semicolon: ";",
  pipe: "|",
};

type Scan =
  | { state: "row"; fields: string[]; end: number }
  | { state: "wrong"; problem: string }
  | { state: "more" };

/**
 * Reads rows as Python's csv writes them. A row that is wrong is a problem with its line: it has more or fewer fields
 * than the first row, text between a closing quote and the delimiter, or a quote that is not closed. Of the latter two
 * only the line is left out on which the row starts, so that one quote does not take the rest of the file. Blank lines
 * are passed over.
 */
export class TableParser implements RecordParser<TableRow> {
  private text = "";
  private line = 1;
  private width: number | null = null;
  /** No row ends before the text has become so long: a long row is not scanned again with each piece. */
  private wanted = 0;
  private readonly delimiter: string;
  private readonly lineBreak: string;

  constructor(
    private readonly dialect: TableDialect,
    private readonly maxCharacters = MAX_RECORD_CHARACTERS,
  ) {
    this.delimiter = DELIMITER_CHARACTERS[dialect.delimiter];
    this.lineBreak = dialect.lineBreak === "CR" ? "\r" : "\n";
  }

  push(text: string): TableRow[] {
    this.text += text;
    return this.text.length < this.wanted ? [] : this.takeRows(false);
  }

  end(): TableRow[] {
    return this.takeRows(true);
  }

  private takeRows(isLast: boolean): TableRow[] {
    const rows: TableRow[] = [];
    let at = 0;
    while (at < this.text.length) {
      const blank = this.takeBreak(at);
      if (blank > at) {
        at = blank;
        this.line += 1;
        continue;
      }
      const row = this.scanRow(at, isLast);
      if (row.state === "more" && this.text.length - at <= this.maxCharacters) break;
      const { line } = this;
      if (row.state === "row") {
        const problem = this.findWrongWidth(row.fields);
        rows.push(problem === null ? { line, fields: row.fields } : { line, problem });
        this.line += this.countBreaks(at, row.end);
        at = row.end;
        continue;
      }
      const problem = row.state === "wrong" ? row.problem : this.describeTooLong();
      rows.push({ line, problem });
      const lineEnd = this.text.indexOf(this.lineBreak, at);
      at = lineEnd < 0 ? this.text.length : lineEnd + 1;
      this.line += 1;
    }
    this.text = this.text.slice(at);
    this.wanted = isLast || this.text === "" ? 0 : 2 * this.text.length;
    return rows;
  }

  private describeTooLong(): string {
    return `is longer than ${this.maxCharacters / 1024 / 1024} Mi characters, or opens a quote that is not closed within them`;
  }

  /** What is wrong with the number of fields; null: nothing. The first row says how many there are. */
  private findWrongWidth(fields: readonly string[]): string | null {
    const { length } = fields;
    this.width ??= length;
    if (length === this.width) return null;
    const advice =
      length < this.width
        ? ""
        : `: a field that holds the delimiter must be quoted${fields.at(-1) === "" ? ", and the heading end with a delimiter where the rows do" : ""}`;
    return `has ${length} ${length === 1 ? "field" : "fields"} where the heading has ${this.width}${advice}`;
  }

  /** The place after a line break that starts here; here where none does. */
  private takeBreak(at: number): number {
    if (this.text[at] === this.lineBreak) return at + 1;
    return this.lineBreak === "\n" && this.text[at] === "\r" && this.text[at + 1] === "\n"
      ? at + 2
      : at;
  }

  private countBreaks(start: number, end: number): number {
    let count = 0;
    for (
      let at = this.text.indexOf(this.lineBreak, start);
      at >= 0 && at < end;
      at = this.text.indexOf(this.lineBreak, at + 1)
    )
      count += 1;
    return count;
  }

  private scanRow(start: number, isLast: boolean): Scan {
    const fields: string[] = [];
    for (let at = start; ;) {
      const field = this.scanField(at, isLast);
      if (typeof field === "string") {
        if (field === "more" && !isLast) return { state: "more" };
        return {
          state: "wrong",
          problem:
            field === "malformed"
              ? "has text after a closing quote; double the quotes that belong to the text, or say that the file has no quoting"
              : "opens a quote that is not closed by the end of the file; close it, or double the quotes that belong to the text",
        };
      }
      fields.push(field.value);
      at = field.end;
      if (this.text[at] === this.delimiter) at += 1;
      else return { state: "row", fields, end: this.takeBreak(at) };
    }
  }

  /** A field and where its delimiter, its line break or the end of the text stands. */
  private scanField(
    start: number,
    isLast: boolean,
  ): { value: string; end: number } | "more" | "malformed" {
    const quoted = this.dialect.quoting === "none" ? -1 : this.findOpeningQuote(start);
    if (quoted >= 0) return this.scanQuoted(quoted + 1, isLast);
    return this.dialect.quoting === "backslash"
      ? this.scanEscaped(start, isLast)
      : this.scanPlain(start, isLast);
  }

  /** Where a quote opens the field: at its start, or after spaces that stand behind a comma. -1: nowhere. */
  private findOpeningQuote(start: number): number {
    let at = start;
    if (this.delimiter !== "\t") while (this.text[at] === " ") at += 1;
    return this.text[at] === '"' ? at : -1;
  }

  private scanPlain(start: number, isLast: boolean): { value: string; end: number } | "more" {
    let lineEnd = this.text.indexOf(this.lineBreak, start);
    if (lineEnd < 0) {
      if (!isLast) return "more";
      lineEnd = this.text.length;
    } else if (this.lineBreak === "\n" && this.text[lineEnd - 1] === "\r" && lineEnd > start)
      lineEnd -= 1;
    for (let at = start; at < lineEnd; at++)
      if (this.text[at] === this.delimiter) return { value: this.text.slice(start, at), end: at };
    return { value: this.text.slice(start, lineEnd), end: lineEnd };
  }

  private scanQuoted(
    start: number,
    isLast: boolean,
  ): { value: string; end: number } | "more" | "malformed" {
    let value = "";
    for (let at = start; ;) {
      const close = this.text.indexOf('"', at);
      const escape = this.dialect.quoting === "backslash" ? this.text.indexOf("\\", at) : -1;
      if (escape >= 0 && (escape < close || close < 0)) {
        if (escape + 1 >= this.text.length) return "more";
        value += this.text.slice(at, escape) + this.text[escape + 1]!;
        at = escape + 2;
        continue;
      }
      if (close < 0 || (close + 1 >= this.text.length && !isLast)) return "more";
      value += this.text.slice(at, close);
      if (this.text[close + 1] === '"' && this.dialect.quoting === "doubled") {
        value += '"';
        at = close + 2;
        continue;
      }
      const end = close + 1;
      const next = this.text[end];
      const isEnd = next === undefined || next === this.delimiter || this.takeBreak(end) > end;
      if (isEnd) return { value, end };
      // Half of a line break may have come.
      return next === "\r" && end + 1 >= this.text.length && !isLast ? "more" : "malformed";
    }
  }

  /** A field without quotes in which a backslash takes the next character for text. */
  private scanEscaped(start: number, isLast: boolean): { value: string; end: number } | "more" {
    let value = "";
    for (let at = start; at < this.text.length; at++) {
      const character = this.text[at]!;
      if (character === "\\") {
        at += 1;
        if (at >= this.text.length) break;
        value += this.text[at]!;
      } else if (character === this.delimiter || this.takeBreak(at) > at) return { value, end: at };
      else value += character;
    }
    return isLast ? { value, end: this.text.length } : "more";
  }
}
