const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Text that PostgreSQL can store: NUL and half characters, which a model may emit, become U+FFFD. */
export const toStorableText = (text: string): string =>
  text.replaceAll("\u0000", "\uFFFD").replace(LONE_SURROGATE, "\uFFFD");

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
