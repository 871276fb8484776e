/** A name without what people write differently: case, spaces, "_" and "-". */
const normalise = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, "");

/**
 * The column that holds a field: the first candidate that is a column's name, then the first that is one but for its
 * case, spaces, underscores and dashes. Null: none.
 */
export function findColumn(
  columns: readonly string[],
  candidates: readonly string[],
): string | null {
  const exact = candidates.find((candidate) => columns.includes(candidate));
  if (exact !== undefined) return exact;
  const byName = new Map<string, string>();
  for (const column of columns)
    if (!byName.has(normalise(column))) byName.set(normalise(column), column);
  for (const candidate of candidates) {
    const column = byName.get(normalise(candidate));
    if (column !== undefined) return column;
  }
  return null;
}
