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

/** A dialect, and why it may be another one, in a sentence; null: nothing speaks for another. */
export interface DetectedDialect {
  dialect: TableDialect;
  doubt: string | null;
}

/**
 * Tells a table's dialect by its beginning: the delimiter under which most lines have as many fields as the heading, and
 * quotes as they are written there. What the settings name is taken as it is.
 * @param isWhole whether the beginning is all of the text
 */
export function detectDialect(
  head: string,
  isWhole: boolean,
  settings: Pick<ReadingSettings, "delimiter" | "quoting">,
): DetectedDialect {
  const lineBreak = detectLineBreak(head);
  const named = NAMED_DELIMITER.exec(head)?.[1];
  const delimiters =
    settings.delimiter !== "auto"
      ? [settings.delimiter]
      : DELIMITERS.filter((delimiter) => !named || DELIMITER_CHARACTERS[delimiter] === named);
  const sample = head.slice(takeDelimiterLine(head).length);
  return (delimiters.length > 0 ? delimiters : DELIMITERS)
    .map((delimiter) =>
      detectQuoting(settings.quoting, delimiter, (quoting) =>
        tryDialect(sample, isWhole, { delimiter, quoting, lineBreak }),
      ),
    )
    .reduce((best, trial) => (isBetter(trial, best) ? trial : best));
}

interface Trial {
  dialect: TableDialect;
  heading: readonly string[];
  /** Rows that are as wide as the heading. */
  good: readonly { line: number; fields: string[] }[];
  /** Lines of the other rows. */
  bad: ReadonlySet<number>;
  /** Share of the lines that belong to rows as wide as the heading. */
  share: number;
  sample: string;
}
type ChosenTrial = Trial & Pick<DetectedDialect, "doubt">;

/**
 * How fields are quoted. A quote that opens a field and is closed at its end means quoting; where others open fields and
 * are not, quotes may belong to the text, as in files of tab-separated values that no program of tables wrote.
 */
function detectQuoting(
  set: ReadingSettings["quoting"],
  delimiter: Delimiter,
  trial: (quoting: Quoting) => Trial,
): ChosenTrial {
  if (set !== "auto") return { ...trial(set), doubt: null };
  const doubled = trial("doubled");
  if (!doubled.sample.includes('"')) return { ...doubled, doubt: null };
  if (doubled.sample.includes('\\"')) {
    const backslash = trial("backslash");
    if (backslash.share > doubled.share) return { ...backslash, doubt: null };
    const isSame = backslash.share < doubled.share || haveSameTexts(doubled, backslash);
    if (!isSame) return { ...doubled, doubt: DOUBTS.backslash };
  }
  const plain = trial("none");
  if (doubled.share === 1 && plain.share === 1) {
    // Lines that are rows of their own would be one field.
    const mark = doubled.dialect.lineBreak === "CR" ? "\r" : "\n";
    const isSwallowed = doubled.good.some(({ fields }) => fields.some((f) => f.includes(mark)));
    return { ...doubled, doubt: isSwallowed ? DOUBTS.none : null };
  }
  if (delimiter !== "tab" || doubled.share > plain.share) return { ...doubled, doubt: null };
  const evidence = findQuotedFields(doubled, plain);
  if (evidence === "none") return { ...plain, doubt: null };
  return { ...doubled, doubt: evidence === "certain" ? null : DOUBTS.none };
}

const DOUBTS = {
  none: "It cannot be told whether quotes hold fields together or belong to the text, and the values would differ: set the quoting to doubled or to none.",
  backslash:
    "It cannot be told whether a backslash before a quote belongs to the text, and the values would differ: set the quoting to doubled or to backslash.",
};

/** A field in quotes from its beginning to its end. */
const QUOTED_FIELD = /(?:^|[\t\r\n])"([^"]*(?:""[^"]*)*)"(?=$|[\t\r\n])/g;

/**
 * Whether a table with tabs holds quoted fields. Certain: those of its heading are, quotes within one are doubled, or one
 * holds tabs or line breaks that would make its line wrong.
 */
function findQuotedFields(doubled: Trial, plain: Trial): "none" | "possible" | "certain" {
  const contents = Array.from(doubled.sample.matchAll(QUOTED_FIELD), ([, content = ""]) => content);
  if (contents.length === 0) return "none";
  const isCertain =
    plain.heading.some((name) => /^".*"$/.test(name)) ||
    contents.some((content) => content.includes('""')) ||
    doubled.good.some(
      ({ line, fields }) => plain.bad.has(line) && fields.some((f) => /[\t\r\n]/.test(f)),
    );
  return isCertain ? "certain" : "possible";
}

/** Whether rows hold the same texts; in lists of JSON or Python a backslash is the list's own. */
const haveSameTexts = (a: Trial, b: Trial): boolean =>
  a.good.every(({ fields }, row) =>
    fields.every((text, i) => text === b.good[row]?.fields[i] || /^\s*[[{(]/.test(text)),
  );

function tryDialect(sample: string, isWhole: boolean, dialect: TableDialect): Trial {
  const parser = new TableParser(dialect);
  const rows = parser.push(sample);
  if (isWhole) rows.push(...parser.end());
  const [heading, ...records] = rows.slice(0, SAMPLE_ROWS + 1);
  const good = records.flatMap((row) => (row.problem === undefined ? [row] : []));
  const goodLines = good.reduce((sum, { fields }) => sum + countLines(fields), 0);
  const bad = new Set(records.flatMap(({ line, problem }) => (problem === undefined ? [] : line)));
  return {
    dialect,
    heading: heading?.problem === undefined ? (heading?.fields ?? []) : [],
    good,
    bad,
    share: records.length === 0 ? 1 : goodLines / (goodLines + bad.size),
    sample,
  };
}

const countLines = (fields: readonly string[]): number =>
  fields.reduce((sum, field) => sum + field.split(/\r\n|\r|\n/).length - 1, 1);

/** A heading of one column is no table where another delimiter gives more; the first of equal trials is kept. */
function isBetter(trial: Trial, best: Trial): boolean {
  const [width, bestWidth] = [trial.heading.length, best.heading.length];
  if (width > 1 !== bestWidth > 1) return width > 1;
  return trial.share === best.share ? width > bestWidth : trial.share > best.share;
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
