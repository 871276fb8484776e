import { AppError } from "@/contracts/errors";
import { findColumn } from "@/core/reading/column-names";

/** Which columns of a table, or keys of JSON objects, make a document. */

/** The id column that means the row's number, and the title column that means none. */
export const ROW_NUMBER = "#row";
export const NO_TITLE = "#none";

/** Names of columns; "id", "title" and "text" also mean their synonyms. */
export interface ColumnSettings {
  idColumn: string;
  titleColumn: string;
  textColumn: string;
}

export interface CorpusColumns {
  /** Null: the row's number. */
  id: string | null;
  /** Null: none. */
  title: string | null;
  /** Where the text stands: of several the first that holds a value. */
  text: string[];
}

/** Names that people give to a field, besides its own; case, spaces, "_" and "-" make no difference. */
const SYNONYMS: ReadonlyMap<string, readonly string[]> = new Map([
  ["id", ["docid", "document id", "passage id", "pid", "docno", "corpus id"]],
  ["title", ["doc title", "page title", "article title", "wikipedia title", "headline", "heading"]],
  ["text", ["content", "contents", "passage", "passage text", "document text", "body"]],
]);

/** Every column that a setting means, the likeliest first. */
function findAll(columns: readonly string[], setting: string): string[] {
  const names = [setting, ...(SYNONYMS.get(setting) ?? [])];
  return [...new Set(names.flatMap((name) => findColumn(columns, [name]) ?? []))];
}

/** The columns that make a document; the id's is undefined where it was not found. */
export type FoundColumns = Omit<CorpusColumns, "id"> & { id: string | null | undefined };

/** The columns of these that make a document. */
export function findCorpusColumns(
  columns: readonly string[],
  { idColumn, titleColumn, textColumn }: ColumnSettings,
): FoundColumns {
  return {
    id: idColumn === ROW_NUMBER ? null : findAll(columns, idColumn)[0],
    title: titleColumn === NO_TITLE ? null : (findAll(columns, titleColumn)[0] ?? null),
    text: findAll(columns, textColumn),
  };
}

/**
 * The same, where something that is missing is asked for: a row's number is no id, nothing is no text, and where other
 * columns hold texts, one of them may be the title.
 *
 * @param textual the columns that hold texts which are no numbers
 * @throws AppError "invalid-input" that lists the columns and says what to set
 */
export function requireCorpusColumns(
  columns: readonly string[],
  textual: readonly string[],
  settings: ColumnSettings,
  file: string,
): CorpusColumns {
  const { id, title, text } = findCorpusColumns(columns, settings);
  const refuse = (missing: string, advice: string): never => {
    const shown = columns.slice(0, 30).map((name) => JSON.stringify(name));
    throw new AppError(
      "invalid-input",
      `${file} has no column ${missing}; its columns are ${shown.join(", ") || "none"}. ${advice}`,
    );
  };
  if (text.length === 0)
    refuse(`"${settings.textColumn}"`, "Set the text column to the one that holds the passages.");
  if (id === undefined)
    return refuse(
      `"${settings.idColumn}"`,
      `Set the id column to the one that holds the ids, or to ${ROW_NUMBER} to number the rows.`,
    );
  const isWithin = text.some(isContents);
  const others = textual.filter((name) => name !== id && !text.includes(name));
  const isWanted = settings.titleColumn !== "title" && settings.titleColumn !== NO_TITLE;
  if (
    title === null &&
    settings.titleColumn !== NO_TITLE &&
    (isWanted || (others.length > 0 && !isWithin))
  )
    refuse(
      `"${settings.titleColumn}"`,
      `Set the title column to the one that holds the titles, or to ${NO_TITLE} where there is none.`,
    );
  return { id, title, text };
}

/** Upstream's column `contents` may carry the title in its first line. */
export const isContents = (column: string): boolean => findColumn([column], ["contents"]) !== null;
