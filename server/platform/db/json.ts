import type { Prisma } from "./generated/client";

const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Text that PostgreSQL can store: NUL and half characters, which a model may emit, become U+FFFD. */
export const toStorableText = (text: string): string =>
  text.replaceAll("\u0000", "\uFFFD").replace(LONE_SURROGATE, "\uFFFD");

/**
 * Where in an input a text is that cannot be stored as it is, as ".a.b"; null where there is none.
 * @param leftOut names of fields that are not looked into
 */
export function findUnstorable(
  value: unknown,
  leftOut: ReadonlySet<string> = new Set(),
  path = "",
): string | null {
  if (typeof value === "string") return toStorableText(value) === value ? null : path;
  if (typeof value !== "object" || value === null) return null;
  for (const [name, item] of Object.entries(value)) {
    if (leftOut.has(name)) continue;
    const found =
      toStorableText(name) === name ? findUnstorable(item, leftOut, `${path}.${name}`) : path;
    if (found !== null) return found;
  }
  return null;
}

/** Says of a place that `findUnstorable` found why it is refused. */
export const describeUnstorable = (path: string): string =>
  `${path.slice(1) || "The input"}: holds a NUL or half a character (a lone surrogate), which cannot be stored.`;

/** How NUL and half characters look in JSON, which escapes them and little else. */
const ESCAPED_UNSTORABLE = /\\u(?:0000|d[89a-f])/;
/** The same, and every other escape, so that a backslash that is itself escaped begins none. */
const JSON_ESCAPE = /\\(?:(u0000|ud[89a-f][0-9a-f]{2})|.)/g;

/** JSON for a jsonb parameter; every string in it, names included, is made storable. */
export function toJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!ESCAPED_UNSTORABLE.test(json)) return json;
  return json.replace(JSON_ESCAPE, (escape, unstorable?: string) =>
    unstorable === undefined ? escape : "\uFFFD",
  );
}

/** The same as a value, as a jsonb column of a model is given it. */
export const toJsonValue = (value: object): Prisma.InputJsonValue =>
  JSON.parse(toJson(value)) as Prisma.InputJsonValue;
