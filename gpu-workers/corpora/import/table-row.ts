import { LineError, parseCorpusLine } from "@/contracts/formats/corpus-lines";
import { AppError } from "@/contracts/errors";
import type { Item, ReadingOptions } from "./reader";

/** The columns of a table that make a document, by their names. */
export interface Columns {
  id: string | null;
  title: string | null;
  text: string;
}

/** A cell of a table, as the readers of CSV, TSV and parquet give it. */
type Cell = string | number | bigint | boolean | Date | null | undefined;

/** Other names under which the text is found where the configured column is not there. */
const TEXT_COLUMNS = ["text", "contents", "content", "passage"];

/**
 * Finds the columns of a table by the settings.
 * @throws AppError "invalid-input" that lists the columns there are
 */
export function findColumns(
  names: readonly string[],
  {
    idColumn,
    titleColumn,
    textColumn,
  }: Pick<ReadingOptions, "idColumn" | "titleColumn" | "textColumn">,
  file: string,
): Columns {
  const text = names.includes(textColumn)
    ? textColumn
    : textColumn === "text"
      ? TEXT_COLUMNS.find((name) => names.includes(name))
      : undefined;
  if (text === undefined) {
    throw new AppError(
      "invalid-input",
      `${file} has no column "${textColumn}". Its columns: ${names.slice(0, 30).join(", ") || "none"}. Set the text column to one of them.`,
    );
  }
  return {
    id: names.includes(idColumn) ? idColumn : null,
    title: names.includes(titleColumn) ? titleColumn : null,
    text,
  };
}

/** Makes a document of a row; `row` counts from 1 and is the id where the table has none. */
export function toRowItem(
  values: Readonly<Record<string, Cell>>,
  columns: Columns,
  row: number,
  idPrefix: string,
): Pick<Item, "record" | "problem"> {
  const text = values[columns.text];
  const title = columns.title === null ? "" : values[columns.title];
  const id = columns.id === null ? `${idPrefix}${row}` : values[columns.id];
  // Upstream's `contents` carries its title within; a column of that name is read as such.
  const body =
    columns.text === "contents" && columns.title === null
      ? { contents: toText(text) }
      : { title: toText(title) ?? "", text: toText(text) };
  try {
    return {
      record: parseCorpusLine(JSON.stringify({ id: toId(id), ...body }), row),
      problem: null,
    };
  } catch (error) {
    if (error instanceof LineError) return { record: null, problem: error.problem };
    throw error;
  }
}

function toText(value: Cell): string | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === "string" ? value : String(value);
}

function toId(value: Cell): unknown {
  return typeof value === "bigint" ? String(value) : (value ?? undefined);
}
