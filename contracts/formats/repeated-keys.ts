/**
 * Keys that an object of a JSON text holds twice. `JSON.parse` keeps the last of their values without a word, which may
 * not be the one that was meant.
 */

/**
 * The first key that an object of a valid JSON text repeats, and where; null: there is none.
 *
 * Counting is enough for nearly all texts: what looks like the end of a key is never less often there than keys are, and
 * what was parsed never holds more keys than were written. Only where the counts differ is the text read again.
 *
 * @param value what `JSON.parse` made of the text
 */
export function findRepeatedKey(text: string, value: unknown): { key: string; at: number } | null {
  return countKeyEnds(text) === countKeys(value) ? null : scanForRepeatedKey(text);
}

/** Colons after a quote: those behind keys, and within strings those that look like them. */
function countKeyEnds(text: string): number {
  let count = 0;
  for (let colon = text.indexOf(":"); colon >= 0; colon = text.indexOf(":", colon + 1)) {
    let before = colon - 1;
    while (isSpace(text.charCodeAt(before))) before -= 1;
    if (text.charCodeAt(before) === QUOTE) count += 1;
  }
  return count;
}

const QUOTE = 0x22;
const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** A value that is nested deeper is not counted, but read again: it would take the stack. */
const MAX_DEPTH = 200;

/** Keys of all objects of a value; NaN: it is nested too deep. */
function countKeys(value: unknown, depth = 0): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth > MAX_DEPTH) return NaN;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === "object") count += countKeys(item, depth + 1);
    return count;
  }
  for (const key in value) {
    count += 1;
    const inner = (value as Record<string, unknown>)[key];
    if (typeof inner === "object") count += countKeys(inner, depth + 1);
  }
  return count;
}

function scanForRepeatedKey(text: string): { key: string; at: number } | null {
  const objects: Set<string>[] = [];
  /** Where the string that came last starts and ends. */
  let start = 0;
  let end = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") objects.push(new Set());
    else if (character === "}") objects.pop();
    else if (character === '"') {
      start = at;
      end = findQuoteAfter(text, at) + 1;
      at = end - 1;
    } else if (character === ":") {
      const key = JSON.parse(text.slice(start, end)) as string;
      const keys = objects.at(-1);
      if (keys?.has(key)) return { key, at: start };
      keys?.add(key);
    }
  }
  return null;
}

/** Where a string ends that starts at a quote: at the next one with an even number of backslashes before it. */
function findQuoteAfter(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text[first - 1] === "\\") first -= 1;
    if ((at - first) % 2 === 0) return at;
  }
  return text.length - 1;
}
