const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Text that PostgreSQL can store: NUL and half characters, which a model may emit, become U+FFFD. */
export const storable = (text: string): string => text.replaceAll("\u0000", "\uFFFD").replace(LONE_SURROGATE, "\uFFFD");

/** JSON for a jsonb parameter; every string in it is made storable. */
export const toJson = (value: unknown): string => JSON.stringify(value, (_key, item: unknown) => (typeof item === "string" ? storable(item) : item));
