import type { RecordForm } from "@/contracts/formats/reading";
import { INVALID, REPLACEMENT } from "./encoding";
import { LiteralError, parseJson, RepeatedKeyError } from "./literals";
import {
  MAX_RECORD_CHARACTERS,
  type RecordParser,
  type SourceRecord,
  type SourceRow,
} from "./source-record";

/** Records of JSON: one a line, one list of them, or objects that go over several lines. */

/** What JSON a text begins with; null: none. */
export function detectJsonForm(head: string): Exclude<RecordForm, "table"> | null {
  const [first = "", second = ""] = head
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(BEFORE_RECORD, "").trim())
    .filter((line) => line !== "");
  if (/^\[\s*(?:\{|$|\])/.test(first)) return "json-list";
  if (!first.startsWith("{")) return null;
  // The first line alone may be broken; an object over several lines has its keys on lines of their own.
  return parses(first) || second.startsWith("{") ? "json-lines" : "json-objects";
}

function parses(text: string): boolean {
  try {
    parseJson(text);
    return true;
  } catch (error) {
    if (error instanceof LiteralError) return error instanceof RepeatedKeyError;
    throw error;
  }
}

/** The mark of a file that was put behind another one, and that of a record in a JSON text sequence (RFC 7464). */
const BEFORE_RECORD = /^[\ufeff\x1e]+/;

/** The record of a JSON text, or what is wrong with it. */
function parseJsonRecord(written: string, line: number): SourceRecord {
  const text = written.replace(BEFORE_RECORD, "");
  // Said at once: a file of another kind has millions of such lines.
  if (!/^[ \t]*[{[]/.test(text)) {
    const advice = line === 1 && /[,;|\t]/.test(text) ? "; of a table set the format" : "";
    return { line, problem: `is not JSON: ${shorten(text)}${advice}` };
  }
  try {
    const value = parseJson(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return { line, row: value as SourceRow };
    return { line, problem: "is not a JSON object" };
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error;
    if (error instanceof RepeatedKeyError)
      return { line, problem: `${error.message}: which value is meant cannot be told` };
    return {
      line,
      problem: `is not JSON: ${shorten(text)} (${error.message})`,
    };
  }
}

function shorten(text: string): string {
  const shown = text.trim().replaceAll(INVALID, REPLACEMENT);
  return shown.length <= 80 ? shown : `${shown.slice(0, 80)}…`;
}

/** JSON lines: a line is a record, and a broken one takes no other with it. */
export class JsonLinesParser implements RecordParser<SourceRecord> {
  private parts: string[] = [];
  private line = 0;

  push(text: string): SourceRecord[] {
    const records: SourceRecord[] = [];
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      this.parts.push(text.slice(start, end));
      this.takeLine(records);
      start = end + 1;
    }
    if (start < text.length) this.parts.push(text.slice(start));
    return records;
  }

  end(): SourceRecord[] {
    const records: SourceRecord[] = [];
    if (this.parts.length > 0) this.takeLine(records);
    return records;
  }

  private takeLine(records: SourceRecord[]): void {
    const text = this.parts.length === 1 ? this.parts[0]! : this.parts.join("");
    this.parts = [];
    this.line += 1;
    // Lines of an old Macintosh end in CR alone, which JSON takes for white space.
    if (text.includes("\r") && text.indexOf("\r") < text.length - 1) {
      const [first = "", ...others] = text.replace(/\r$/, "").split("\r");
      addRecord(records, first, this.line);
      for (const each of others) addRecord(records, each, ++this.line);
    } else addRecord(records, text, this.line);
  }
}

function addRecord(records: SourceRecord[], text: string, line: number): void {
  if (text.trim() !== "") records.push(parseJsonRecord(text, line));
}

/**
 * One list of objects, or objects one after another, each over several lines. An object ends where its brackets do; a
 * broken one is a problem with the line on which it starts.
 */
export class JsonObjectsParser implements RecordParser<SourceRecord> {
  private text = "";
  /** Where scanning goes on; the object that is open, if any, starts at 0. */
  private at = 0;
  private line = 1;
  private startLine = 1;
  private depth = 0;
  private isQuoted = false;
  /** Whether the list's own bracket is behind. */
  private isOpened = false;
  private before = "";
  /** What has come last between objects. */
  private last: "start" | "value" | "comma" | "end";

  constructor(private readonly isList: boolean) {
    this.last = isList ? "start" : "comma";
  }

  push(text: string): SourceRecord[] {
    this.text += text;
    const records: SourceRecord[] = [];
    let start = 0;
    for (; this.at < this.text.length; this.at++) {
      const character = this.text[this.at]!;
      if (character === "\r" || (character === "\n" && this.before !== "\r")) this.line += 1;
      this.before = character;
      if (this.depth === 0) {
        if (character === "{" || (character === "[" && this.isOpened)) {
          if (this.last === "value" && this.isList)
            records.push({ line: this.line, problem: "has no comma before it in the list" });
          start = this.at;
          this.startLine = this.line;
          this.depth = 1;
        } else records.push(...this.takeBetween(character));
        continue;
      }
      if (!this.takeWithin(character)) continue;
      records.push(parseJsonRecord(this.text.slice(start, this.at + 1), this.startLine));
      this.last = "value";
    }
    const keep = this.depth > 0 ? start : this.text.length;
    this.text = this.text.slice(keep);
    this.at -= keep;
    if (this.text.length > MAX_RECORD_CHARACTERS) records.push(...this.giveUp());
    return records;
  }

  end(): SourceRecord[] {
    if (this.depth > 0)
      return [{ line: this.startLine, problem: "is not JSON: it is not closed by the end" }];
    return this.isList && this.last !== "end"
      ? [{ line: this.line, problem: "is not JSON: the list is not closed with ]" }]
      : [];
  }

  /** Takes a character of an object; says whether it closes it. */
  private takeWithin(character: string): boolean {
    if (this.isQuoted) {
      if (character === "\\") this.at += 1;
      // A string never goes over a line's end: the quote before was one too many.
      else if (character === '"' || character === "\n") this.isQuoted = false;
      return false;
    }
    if (character === '"') this.isQuoted = true;
    else if (character === "{" || character === "[") this.depth += 1;
    else if (character === "}" || character === "]") this.depth -= 1;
    return this.depth === 0;
  }

  /** Takes a character between objects. */
  private takeBetween(character: string): SourceRecord[] {
    if (/[\s\x1e]/.test(character)) return [];
    const { line } = this;
    if (this.isList && character === "[" && !this.isOpened) {
      this.isOpened = true;
      return [];
    }
    if (this.isList && character === "," && this.last === "value") {
      this.last = "comma";
      return [];
    }
    if (this.isList && character === "]" && this.isOpened && this.last !== "end") {
      const isTrailing = this.last === "comma";
      this.last = "end";
      return isTrailing ? [{ line, problem: "is not JSON: has a comma before ]" }] : [];
    }
    const rest = /^[^\n{]*/.exec(this.text.slice(this.at, this.at + 200))?.[0] ?? character;
    this.at += rest.length - 1;
    this.last = rest.trimEnd().endsWith(",") ? "comma" : "value";
    return [{ line, problem: `is not JSON: has ${shorten(rest)} where an object should stand` }];
  }

  private giveUp(): SourceRecord[] {
    this.text = "";
    this.at = 0;
    this.depth = 0;
    this.isQuoted = false;
    return [
      {
        line: this.startLine,
        problem: `is longer than ${MAX_RECORD_CHARACTERS / 1024 / 1024} Mi characters, or its brackets do not close`,
      },
    ];
  }
}
