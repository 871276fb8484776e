import { markText, type Text } from "@/app/_i18n/format-text";
import type { FoundCorpusFile } from "@/contracts/formats/corpus-reading";
import type { Delimiter, FoundText, Quoting, TableDialect } from "@/contracts/formats/reading";
import type { CorpusPreviewResult } from "@/contracts/worker-protocol/tasks";
import { formatEncoding } from "@/core/reading/encoding";

/** How files are read, in the page's language; the command line says the same by core/reading and core/corpora. */

/** Values of settings that are words; the others (utf-8, csv, ...) are the same in every language. */
const VALUES: Readonly<Record<string, string>> = {
  auto: markText("auto"),
  comma: markText("comma"),
  tab: markText("tab"),
  semicolon: markText("semicolon"),
  pipe: markText("pipe"),
  doubled: markText("doubled"),
  backslash: markText("backslash"),
  none: markText("none"),
  "yes-no": markText("yes-no"),
  "true-false": markText("true-false"),
  lists: markText("lists"),
  text: markText("text"),
};

/** A value of a setting of how a file is read. */
export const formatReadingValue = (t: Text, value: string): string => t(VALUES[value] ?? value);

const FORMS: Readonly<Record<FoundCorpusFile["form"], string>> = {
  "json-lines": markText("JSON lines"),
  "json-list": markText("one JSON list"),
  "json-objects": markText("JSON objects over several lines"),
  table: markText("a table"),
  parquet: "parquet",
  text: markText("text"),
};
const DELIMITERS: Readonly<Record<Delimiter, string>> = {
  comma: markText("delimiter comma"),
  tab: markText("delimiter tab"),
  semicolon: markText("delimiter semicolon"),
  pipe: markText("delimiter |"),
};
const QUOTINGS: Readonly<Record<Quoting, string>> = {
  doubled: markText("quotes doubled"),
  backslash: markText("quotes after a backslash"),
  none: markText("no quoting"),
};

const joinParts = (t: Text, parts: readonly string[]): string =>
  parts.join(t.language === "zh" ? "，" : ", ");

const listDialect = (t: Text, { delimiter, quoting, lineBreak }: TableDialect): string[] => [
  t(DELIMITERS[delimiter]),
  t(QUOTINGS[quoting]),
  t("lines end in {lineBreak}", { lineBreak }),
];

/** What a file of questions turned out to be: "tsv (gzip, UTF-8, delimiter tab, quotes doubled, lines end in LF)". */
export function formatFound(
  t: Text,
  file: {
    format: string;
    container: string | null;
    text: Omit<FoundText, "columns"> | null;
  },
): string {
  const { format, container, text } = file;
  const parts = [
    ...(container === null ? [] : [container]),
    ...(text === null ? [] : [formatFoundEncoding(t, text)]),
    ...(text?.dialect ? listDialect(t, text.dialect) : []),
  ];
  return parts.length > 0 ? `${format} (${joinParts(t, parts)})` : format;
}

function formatFoundEncoding(
  t: Text,
  { encoding, byteOrderMark }: Pick<FoundText, "encoding" | "byteOrderMark">,
): string {
  const name = formatEncoding(encoding);
  return byteOrderMark ? t("{encoding} with a byte-order mark", { encoding: name }) : name;
}

/** What a file of a corpus turned out to be, "gzip, a table, UTF-8, delimiter tab, ...", and which columns are read. */
export function describeReading(
  t: Text,
  { gzip, form, encoding, dialect, mapping }: FoundCorpusFile,
): { file: string; columns: string } {
  const file = [
    ...(gzip ? ["gzip"] : []),
    t(FORMS[form]),
    ...(encoding === null ? [] : [formatEncoding(encoding)]),
    ...(dialect === null ? [] : listDialect(t, dialect)),
  ];
  return {
    file: joinParts(t, file),
    columns: mapping === null ? "" : joinParts(t, listColumns(t, mapping)),
  };
}

function listColumns(
  t: Text,
  { id, title, text }: NonNullable<FoundCorpusFile["mapping"]>,
): string[] {
  const titleOfNone = text.includes("contents")
    ? t("title from the first line of contents")
    : t("title from nothing");
  return [
    id === null ? t("id from the row's number") : t("id from {column}", { column: id }),
    title === null ? titleOfNone : t("title from {column}", { column: title }),
    t("text from {columns}", {
      columns: text
        .slice(1)
        .reduce(
          (columns, column) => t("{columns}, else {column}", { columns, column }),
          text[0] ?? "",
        ),
    }),
  ];
}

/** What a preview found, in sentences: the file, its columns and what they are, how much was read. */
export function describePreview(
  t: Text,
  {
    file,
    files,
    reading,
    read,
    isWhole,
  }: Omit<CorpusPreviewResult, "documents" | "problems" | "warnings">,
): string[] {
  const described = describeReading(t, reading);
  return [
    files > 1
      ? t("{file}, the first of {files} files: {found}", { file, files, found: described.file })
      : t("{file}: {found}", { file, found: described.file }),
    ...(reading.columns.length > 0
      ? [t("Columns: {columns}", { columns: reading.columns.join(", ") })]
      : []),
    ...(described.columns === "" ? [] : [t("Read: {columns}", { columns: described.columns })]),
    isWhole
      ? t("All {read} lines, rows or passages were read.", { read })
      : t("The first {read} were read.", { read }),
  ];
}
