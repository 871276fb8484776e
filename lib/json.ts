/** The value of a JSON text; null where the text is no JSON. */
export function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** The value of a JSON text, with null for the NaN and Infinity that Python's json writes; null where the text is no JSON. */
export function parsePythonJsonOrNull(text: string): unknown {
  const value = parseJsonOrNull(text);
  if (value !== null) return value;
  return parseJsonOrNull(
    text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/gs, (part) =>
      part.startsWith('"') ? part : "null",
    ),
  );
}
