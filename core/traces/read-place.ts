/**
 * Reading JSON of unknown form by dotted paths. A part of a path is a key, the number of an item of a list (negative
 * from its end), or `*` for every item. A text on the way is read as JSON where it is some. A key may hold dots itself,
 * as the attributes of OpenTelemetry do. Pure.
 */

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value at a place; undefined where there is none. Of `*`, the list of what the items hold. */
export function readPlace(value: unknown, place: string): unknown {
  return readParts(value, place.split("."));
}

function readParts(value: unknown, parts: readonly string[]): unknown {
  const [first, ...rest] = parts;
  if (first === undefined) return value;
  if (typeof value === "string") {
    const parsed = parseContainer(value);
    return parsed === undefined ? undefined : readParts(parsed, parts);
  }
  if (Array.isArray(value)) {
    if (first === "*") {
      const found = value.map((item) => readParts(item, rest)).filter((one) => one !== undefined);
      return found.length === 0 ? undefined : found;
    }
    return /^-?\d{1,9}$/.test(first) ? readParts(value.at(Number(first)), rest) : undefined;
  }
  if (!isObject(value)) return undefined;
  // The longest key first: `a.b` may stand beside `a`.
  for (let count = parts.length; count > 0; count--) {
    const key = parts.slice(0, count).join(".");
    if (!Object.hasOwn(value, key)) continue;
    const found = readParts(value[key], parts.slice(count));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The object or list that a text holds as JSON; undefined where it holds none. */
export function parseContainer(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What the first of these places holds that fits, in the first of these values that has it; null: none does. */
export function readFirst<T>(
  values: readonly unknown[],
  places: readonly string[],
  fit: (value: unknown) => T | null,
): T | null {
  for (const place of places)
    for (const value of values) {
      const fitted = fit(readPlace(value, place));
      if (fitted !== null) return fitted;
    }
  return null;
}

/** Every text that one of these places holds, in their order. */
export const readTexts = (values: readonly unknown[], places: readonly string[]): string[] =>
  places.flatMap((place) => values.flatMap((value) => toText(readPlace(value, place)) ?? []));

/** A text with something in it, also one of content parts and of texts in a list. */
export function toText(value: unknown): string | null {
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return value.trim() === "" ? null : value;
  if (!Array.isArray(value)) return null;
  const parts = value.flatMap((part: unknown) =>
    typeof part === "string"
      ? part
      : isObject(part) && typeof part.text === "string"
        ? part.text
        : [],
  );
  return parts.length === 0 ? null : parts.join("\n\n");
}

/** A number, also one that is written as a text. */
export function toNumber(value: unknown): number | null {
  if (typeof value === "boolean") return value ? 1 : 0;
  const number =
    typeof value === "string" && value.trim() !== "" ? Number(value) : (value as number);
  return typeof number === "number" && Number.isFinite(number) ? number : null;
}

/** A whole number from 0 on that the database can hold. */
export function toCount(value: unknown): number | null {
  const number = toNumber(value);
  return number !== null && Number.isInteger(number) && number >= 0 && number < 2 ** 31
    ? number
    : null;
}
