import type { FoundCorpusFile } from "@/contracts/formats/corpus-reading";
import type { CorpusPreviewResult } from "@/contracts/worker-protocol/tasks";
import { formatEncoding } from "@/core/reading/encoding";
import { formatDialect } from "@/core/reading/format-found";

const FORMS: Readonly<Record<FoundCorpusFile["form"], string>> = {
  "json-lines": "JSON lines",
  "json-list": "one JSON list",
  "json-objects": "JSON objects over several lines",
  table: "a table",
  parquet: "parquet",
  text: "text",
};

/** What a file turned out to be: "gzip, a table, UTF-8, delimiter tab, ...", and which columns are read. */
export function describeReading({ gzip, form, encoding, dialect, mapping }: FoundCorpusFile): {
  file: string;
  columns: string;
} {
  const file = [
    ...(gzip ? ["gzip"] : []),
    FORMS[form],
    ...(encoding === null ? [] : [formatEncoding(encoding)]),
    ...(dialect === null ? [] : [formatDialect(dialect)]),
  ];
  const columns = mapping
    ? [
        `id from ${mapping.id ?? "the row's number"}`,
        `title from ${mapping.title ?? (mapping.text.includes("contents") ? "the first line of contents" : "nothing")}`,
        `text from ${mapping.text.join(", else ")}`,
      ]
    : [];
  return { file: file.join(", "), columns: columns.join(", ") };
}

/** What a preview found, in sentences: the file, its columns and what they are, how much was read. */
export function describePreview({
  file,
  files,
  reading,
  read,
  isWhole,
}: Omit<CorpusPreviewResult, "documents" | "problems" | "warnings">): string[] {
  const described = describeReading(reading);
  return [
    `${file}${files > 1 ? `, the first of ${files} files` : ""}: ${described.file}`,
    ...(reading.columns.length > 0 ? [`Columns: ${reading.columns.join(", ")}`] : []),
    ...(described.columns === "" ? [] : [`Read: ${described.columns}`]),
    isWhole ? `All ${read} lines, rows or passages were read.` : `The first ${read} were read.`,
  ];
}
