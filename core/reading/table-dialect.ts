import {
  DELIMITERS,
  type Delimiter,
  type Quoting,
  type ReadingSettings,
  type TableDialect,
} from "@/contracts/formats/reading";
import { DELIMITER_CHARACTERS, TableParser } from "./table-parser";

/** Rows of a table's beginning that are read to tell its dialect. */
const SAMPLE_ROWS = 300;

/** The first line of a file from Excel that names its delimiter: "sep=;". */
const NAMED_DELIMITER = /^sep=(.)\r?\n/;

/** A line before the heading that only says which delimiter there is; "" where there is none. */
export const takeDelimiterLine = (head: string): string => NAMED_DELIMITER.exec(head)?.[0] ?? "";

/**
 * Tells a table's dialect by its beginning: the delimiter under which most rows have as many fields as the heading, and
 * quotes as they are written there. What the settings name is taken as it is.
 * @param isWhole whether the beginning is all of the text
 */
export function detectDialect(
  head: string,
  isWhole: boolean,
  settings: Pick<ReadingSettings, "delimiter" | "quoting">,
): TableDialect {
  const lineBreak = detectLineBreak(head);
  const named = NAMED_DELIMITER.exec(head)?.[1];
  const delimiters =
    settings.delimiter !== "auto"
      ? [settings.delimiter]
      : DELIMITERS.filter((delimiter) => !named || DELIMITER_CHARACTERS[delimiter] === named);
  const sample = head.slice(takeDelimiterLine(head).length);
  const trials = (delimiters.length > 0 ? delimiters : DELIMITERS).flatMap((delimiter) =>
    listQuotings(sample, delimiter, settings.quoting).map((quoting) =>
      tryDialect(sample, isWhole, { delimiter, quoting, lineBreak }),
    ),
  );
  return trials.reduce((best, trial) => (isBetter(trial, best) ? trial : best)).dialect;
}

/**
 * How fields may be quoted. No quoting is a guess only where tabs part the fields and no quote that opens one is closed
 * before the next tab: else a single wrong row would take the quotes of all others for text.
 */
function listQuotings(
  sample: string,
  delimiter: Delimiter,
  set: ReadingSettings["quoting"],
): readonly Quoting[] {
  if (set !== "auto") return [set];
  const quotings: Quoting[] = ["doubled"];
  if (sample.includes('\\"')) quotings.push("backslash");
  const isUnquoted = delimiter === "tab" && !/(?:^|[\t\r\n])"[^"]*"(?:$|[\t\r\n])/.test(sample);
  if (isUnquoted) quotings.push("none");
  return quotings;
}

interface Trial {
  dialect: TableDialect;
  /** Fields of the heading. */
  width: number;
  /** Share of the rows that are as wide. */
  share: number;
}

function tryDialect(sample: string, isWhole: boolean, dialect: TableDialect): Trial {
  const parser = new TableParser(dialect);
  const rows = parser.push(sample);
  if (isWhole) rows.push(...parser.end());
  const [heading, ...records] = rows.slice(0, SAMPLE_ROWS);
  const good = records.filter(({ problem }) => problem === undefined).length;
  return {
    dialect,
    width: heading?.problem === undefined ? (heading?.fields.length ?? 0) : 0,
    share: records.length === 0 ? 1 : good / records.length,
  };
}

/** A heading of one column is no table where another delimiter gives more; the first of equal trials is kept. */
function isBetter(trial: Trial, best: Trial): boolean {
  if (trial.width > 1 !== best.width > 1) return trial.width > 1;
  if (trial.share !== best.share) return trial.share > best.share;
  return trial.dialect.delimiter !== best.dialect.delimiter && trial.width > best.width;
}

/** How the heading ends; quoted line breaks are not looked at. */
function detectLineBreak(head: string): TableDialect["lineBreak"] {
  let isQuoted = false;
  for (let at = 0; at < head.length; at++) {
    const character = head[at];
    if (character === '"') isQuoted = !isQuoted;
    if (isQuoted || (character !== "\r" && character !== "\n")) continue;
    if (character === "\n") return "LF";
    return head[at + 1] === "\n" ? "CRLF" : "CR";
  }
  return "LF";
}
