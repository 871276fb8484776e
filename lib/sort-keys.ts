/** Entries of an object in the order of their keys (by UTF-16 code units), so that equal objects are read equally. */
export const listSortedEntries = (value: object): [string, unknown][] =>
  Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/** The same value with the keys of every object in it in order, so that equal values are equal JSON. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(listSortedEntries(value).map(([key, item]) => [key, sortKeys(item)]));
}
