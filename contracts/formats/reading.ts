import { z } from "zod";

/** How files that people wrote are read: what can be set, and what was found. */

export const ENCODINGS = [
  "utf-8",
  "utf-16le",
  "utf-16be",
  "windows-1252",
  "gb18030",
  "big5",
  "shift_jis",
  "euc-kr",
  "euc-jp",
] as const;
export type Encoding = (typeof ENCODINGS)[number];
export const DELIMITERS = ["comma", "tab", "semicolon", "pipe"] as const;
export type Delimiter = (typeof DELIMITERS)[number];
/** Quotes within quoted fields are doubled, or follow a backslash; `none`: a quote is a character like others. */
export const QUOTINGS = ["doubled", "backslash", "none"] as const;
export type Quoting = (typeof QUOTINGS)[number];

/** Settings of a file; what is `auto` is told by its content. */
export const readingSettingsSchema = z.object({
  /** Any other than UTF-8 is converted only where it is set. */
  encoding: z.enum(["auto", ...ENCODINGS]).default("auto"),
  delimiter: z.enum(["auto", ...DELIMITERS]).default("auto"),
  quoting: z.enum(["auto", ...QUOTINGS]).default("auto"),
});
export type ReadingSettings = z.infer<typeof readingSettingsSchema>;

/** How the fields and rows of a table are set apart. */
export const tableDialectSchema = z.object({
  delimiter: z.enum(DELIMITERS),
  quoting: z.enum(QUOTINGS),
  lineBreak: z.enum(["LF", "CRLF", "CR"]),
});
export type TableDialect = z.infer<typeof tableDialectSchema>;

/** JSON lines; one list; objects one after another, each over several lines; a table with a heading. */
export const RECORD_FORMS = ["json-lines", "json-list", "json-objects", "table"] as const;
export type RecordForm = (typeof RECORD_FORMS)[number];

/** What a file turned out to be. */
export const foundTextSchema = z.object({
  encoding: z.enum(ENCODINGS),
  /** Whether the encoding was told by a byte-order mark. */
  byteOrderMark: z.boolean(),
  form: z.enum(RECORD_FORMS),
  /** Null where it is no table. */
  dialect: tableDialectSchema.nullable(),
  /** Columns of a table, in their order; empty for JSON, whose records name them. */
  columns: z.array(z.string()),
});
export type FoundText = z.infer<typeof foundTextSchema>;
