const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Text that PostgreSQL can store: NUL and half characters, which a model may emit, become U+FFFD. */
export const toStorableText = (text: string): string =>
  text.replaceAll("\u0000", "\uFFFD").replace(LONE_SURROGATE, "\uFFFD");

/** How NUL and half characters look in JSON, which escapes them and little else. */
const ESCAPED_UNSTORABLE = /\\u(?:0000|d[89a-f])/;

/** JSON for a jsonb parameter; every string in it is made storable. */
export function toJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!ESCAPED_UNSTORABLE.test(json)) return json;
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "string" ? toStorableText(item) : item,
  );
}
