import { LiteralError, NumberText, parseJson, parsePython, UnreadValue } from "./literals";

/**
 * Texts of a value that people wrote: of a cell of a table, where lists are text too, or of JSON, which has lists of its
 * own. A value is read right or is a `ValueProblem`; never another value.
 */

/** Why a value cannot be used, in words that follow the name of its column: "holds a dictionary ...". */
export class ValueProblem extends Error {}

/** How values are read. */
export interface ValueSettings {
  /** What true and false become. */
  booleans: "yes-no" | "true-false";
  /** Whether a table's cells hold lists: JSON, Python's, NumPy's, or texts parted by "|". */
  cells: "lists" | "text";
}

/** What was done to values that should be known. */
export type ValueNote =
  | "boolean"
  | "json-list"
  | "python-list"
  | "numpy-list"
  | "pipe"
  | "inner-list"
  | "suspicious-text"
  | "option-place"
  | "bare-letter";

/** Where a value comes from, and who hears what was done to it. */
export interface ValueContext extends ValueSettings {
  isCell: boolean;
  note: (note: ValueNote) => void;
}

/** The text of a value that must be one text; undefined where there is none. @throws ValueProblem for lists and dictionaries */
export function readText(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === "string") {
    refuseShown(value.trim());
    return value.trim() === "" ? undefined : value.trim();
  }
  if (typeof value === "number" && !Number.isFinite(value))
    throw new ValueProblem(`holds ${value}, which is no text`);
  if (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new ValueProblem(
      `holds ${value}, which a floating-point column may have rounded: write it as text`,
    );
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return String(value);
  if (value instanceof NumberText) return value.source;
  throw new ValueProblem(`holds ${describeKind(value)} where a text is wanted`);
}

/** Refuses b'...', which Python makes of bytes: it is not the text that they hold. @throws ValueProblem */
export function refuseBytes(text: string): void {
  if (/^b(['"]).*\1$/s.test(text))
    throw new ValueProblem(
      `holds bytes as Python shows them, ${shorten(text)}: decode them where the file is written`,
    );
}

/** How Python, R and JavaScript show values that are no text, whole: Decimal('1.5'), c("a", "b"), a printed Series. */
const SHOWN = new RegExp(
  [
    String.raw`^(?:\w+\.)*(?:Decimal|Fraction|Timestamp|Timedelta|datetime|UUID|ObjectId|PosixPath|defaultdict|str_|bytes_|bool_|u?int\d+|float\d+)\(.*\)$`,
    String.raw`^(?:\w+\.)*(?:Counter|OrderedDict|Series|DataFrame|Index|Categorical|[tT]ensor)\(\s*[[{].*\)$`,
    String.raw`^datetime\.(?:date|time|timedelta)\(.*\)$|^dict\(\w+=.*\)$`,
    String.raw`^c\((?:"[^"]*"|'[^']*')(?:, ?(?:"[^"]*"|'[^']*'))*\)$`,
    String.raw`^<[^>]* object\b.* at 0x[\da-f]+>$|^\[object \w+\](?:, ?\[object \w+\])*$|(?:\n|, )dtype: [\w[\], ]+$`,
  ].join("|"),
  "s",
);

/** Refuses what a program shows of a value that is no text. @throws ValueProblem */
function refuseShown(text: string): void {
  refuseBytes(text);
  if (SHOWN.test(text))
    throw new ValueProblem(
      `holds a value as a program shows it, ${shorten(text)}: write what it stands for as text, or as a list of JSON`,
    );
}

/** What stands for no value: pandas', MySQL's, and the errors of a spreadsheet's formulas. */
export const NO_VALUE =
  /^\s*(?:nan|NaN|NaT|<NA>|\\N|#N\/A|#(?:REF|VALUE|DIV\/0|NUM|NULL|SPILL|CALC|ERROR)!|#NAME\?)\s*$/;
/** A cell that a spreadsheet computes: ="001", =CONCAT(A1). */
export const FORMULA = /^\s*=\s*(?:["[{(]|[A-Z]{2,}\()/;

/**
 * Whether a value is missing: NaN, or in a table's cell what stands for no value.
 * @throws ValueProblem for a cell that holds a formula in the place of its value
 */
export function isMissing(value: unknown, { isCell, cells }: ValueContext): boolean {
  if (typeof value !== "string") return Number.isNaN(value);
  if (!isCell || cells === "text") return false;
  if (FORMULA.test(value))
    throw new ValueProblem(
      `holds the formula ${shorten(value.trim())}: save the table with its values, or set the cells to text where it is the text`,
    );
  return NO_VALUE.test(value);
}

/** Words that stand for nothing, or for true and false, more often than for themselves. */
const SUSPICIOUS_WORD = /^(?:none|null|nan|n\/a|true|false)$/i;

/**
 * All texts of a value, lists within lists included, in their order; blank ones and nulls are left out. Of a dictionary
 * those that its keys say to be answers (`value`, `text`, `aliases`, ...).
 */
export function readTexts(value: unknown, context: ValueContext): string[] {
  if (typeof value === "string") {
    const list = readListText(value, context);
    if (list !== null) return flattenTexts(list.value, context);
    return readPlainText(value, context);
  }
  return flattenTexts(value, context);
}

/** A text that is no list: a boolean word or texts parted by "|" in a table, which has no types and no lists. */
function readPlainText(text: string, context: ValueContext): string[] {
  const trimmed = text.trim();
  if (trimmed === "") return [];
  refuseShown(trimmed);
  if (context.isCell && context.booleans === "yes-no" && /^(?:true|false)$/i.test(trimmed))
    return flattenTexts(trimmed.toLowerCase() === "true", context);
  if (!context.isCell || context.cells === "text" || !trimmed.includes("|")) {
    if (SUSPICIOUS_WORD.test(trimmed)) context.note("suspicious-text");
    return [trimmed];
  }
  context.note("pipe");
  return trimmed.split("|").flatMap((part) => readText(part) ?? []);
}

function flattenTexts(value: unknown, context: ValueContext): string[] {
  if (Array.isArray(value)) {
    if (value.length > 0 && value.every(isScored))
      throw new ValueProblem("holds pairs of a text and a number, not texts");
    return value.flatMap((item) => flattenItem(item, context));
  }
  if (typeof value === "boolean") {
    context.note("boolean");
    return [context.booleans === "yes-no" ? (value ? "yes" : "no") : String(value)];
  }
  if (isDictionary(value)) return flattenDictionary(value, context);
  return [readText(value) ?? []].flat();
}

const isScored = (item: unknown): boolean =>
  Array.isArray(item) &&
  item.length === 2 &&
  typeof item[0] === "string" &&
  (typeof item[1] === "number" || item[1] instanceof NumberText);

/** An item of a list, which may be a list that was made a text. */
function flattenItem(item: unknown, context: ValueContext): string[] {
  const list = typeof item === "string" ? findListText(item) : null;
  if (list === null || isEmpty(list)) return flattenTexts(item, context);
  context.note("inner-list");
  return flattenTexts(list, context);
}

/** The list of texts that a text is; null: it is none. */
export function findListText(text: string): unknown[] | null {
  const trimmed = text.trim();
  // No pattern over the whole of it, which would take the square of its length: a document may be long.
  if (!trimmed.startsWith("[") || !trimmed.endsWith("]") || !/['"]/.test(trimmed)) return null;
  try {
    const { value } = parseList(trimmed);
    return Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof LiteralError) return null;
    throw error;
  }
}

/** Keys of a dictionary under which answers stand, as in TriviaQA and SQuAD. */
const TEXT_KEYS = ["value", "text", "answer", "answers", "aliases"];
/** Keys beside them that say something else. */
const OTHER_KEYS =
  /^(?:normalized_\w+|matched_\w+|type|answer_(?:start|end|type)|start|end|idx|id)$/;

function flattenDictionary(value: Record<string, unknown>, context: ValueContext): string[] {
  const unknown = Object.keys(value).filter(
    (key) => !TEXT_KEYS.includes(key) && !OTHER_KEYS.test(key),
  );
  const known = TEXT_KEYS.filter((key) => Object.hasOwn(value, key));
  if (unknown.length > 0 || known.length === 0)
    throw new ValueProblem(
      `holds ${describeKind(value)}: name the one that is meant, as COLUMN.KEY`,
    );
  return known.flatMap((key) => flattenTexts(value[key], context));
}

/** What opens a list or dictionary, or what Python and NumPy write around one. */
const LIST_START =
  /^(?:[[({]|(?:(?:np|numpy|collections)\.)?(?:array|list|tuple|set|frozenset|deque|dict_keys|dict_values|dict|OrderedDict)\()/;

/**
 * The list or dictionary that a text is: JSON, Python's repr or NumPy's text. Null: it is a text that is no such value.
 * In a table whatever is written so counts; a string of JSON only where some of what it lists is quoted.
 * @throws ValueProblem where it is meant as a list, but cannot be read as one
 */
export function readListText(text: string, context: ValueContext): { value: unknown } | null {
  if (context.isCell && context.cells === "text") return null;
  const trimmed = removeOuterQuotes(text.trim(), context);
  if (!LIST_START.test(trimmed)) return null;
  try {
    const { value, note } = parseList(trimmed);
    if (typeof value !== "object") return null;
    const isBare = !holdsString(value);
    // Coordinates and intervals are written so, too.
    if (isBare && (!context.isCell || trimmed.startsWith("(")) && !isEmpty(value)) {
      context.note("suspicious-text");
      return null;
    }
    context.note(note);
    return { value };
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error;
    if (!isMeantAsList(trimmed, context.isCell)) return null;
    throw new ValueProblem(
      `looks like a list, but it is none of JSON, Python or NumPy: ${shorten(trimmed)} (${error.message}). Write it as JSON${context.isCell ? ", or set the cells to text where it is one text" : ""}`,
    );
  }
}

/**
 * A list that was made a text twice, without the quotes around it; in a cell, brackets around quoted texts with commas,
 * and a list without the apostrophe by which spreadsheets keep a text from being computed.
 */
function removeOuterQuotes(text: string, { isCell }: ValueContext): string {
  const isTwice = /^(["'])\s*[[{(].*[\])}]\s*\1$/s.test(text);
  const isOpen = isCell && /^(?:"[^"]*"|'[^']*')(?:\s*,\s*(?:"[^"]*"|'[^']*'))+$/.test(text);
  if (isOpen) return `[${text}]`;
  if (!isTwice) return isCell && /^'\s*[[{]\s*['"\d].*[\]}]$/s.test(text) ? text.slice(1) : text;
  try {
    return String(parseList(text).value).trim();
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error;
    // Its own quotes were not escaped.
    return /^.\s*[[{(]\s*['"]/.test(text) ? text.slice(1, -1).trim() : text;
  }
}

function parseList(text: string): { value: unknown; note: ValueNote } {
  try {
    return { value: parseJson(text), note: "json-list" };
  } catch (error) {
    if (!(error instanceof LiteralError)) throw error;
  }
  const value = parsePython(text);
  const isNumpy = /['"\]\d]\s+['"[\d]/.test(text) && !text.includes(",");
  return { value, note: isNumpy ? "numpy-list" : "python-list" };
}

/** A quote or a list after the opening bracket, or in a table brackets around it all, as PostgreSQL's braces are. */
const isMeantAsList = (text: string, isCell: boolean): boolean =>
  /^(?:\w*array\(|[\w.]+\(\s*[[{(]+|[[{]\s*)(?:[[({]\s*)*[rRbBuU]?['"]/.test(text) ||
  /^\(\s*(['"]).*?\1\s*,/.test(text) ||
  (isCell && /^(?:\[.*\]|\{[^{}\\]*\})$/s.test(text));

function holdsString(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsString);
  if (isDictionary(value)) return Object.keys(value).length > 0;
  return typeof value === "string";
}

const isEmpty = (value: unknown): boolean =>
  Array.isArray(value) ? value.every((item) => item === null || isEmpty(item)) : false;

/** An object of keys: no list, no number, no date. */
export const isDictionary = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof NumberText) &&
  !(value instanceof UnreadValue) &&
  !(value instanceof Date) &&
  !ArrayBuffer.isView(value);

function describeKind(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (value instanceof UnreadValue) return value.kind;
  if (ArrayBuffer.isView(value)) return "bytes";
  const keys = Object.keys(value as object);
  return `a dictionary (${keys.slice(0, 8).join(", ")}${keys.length > 8 ? ", …" : ""})`;
}

const shorten = (text: string): string => (text.length <= 60 ? text : `${text.slice(0, 60)}…`);
