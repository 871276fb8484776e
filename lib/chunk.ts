/**
 * Splits items into consecutive parts of `size`; the last one holds what is left.
 *
 * @param size a whole number of at least 1, or Infinity for a single part
 * @returns no part for no items
 * @throws RangeError for another size
 */
export function chunk<T>(items: readonly T[], size: number): T[][] {
  if (!(size >= 1)) throw new RangeError(`items cannot be split into parts of ${size}`);
  const parts: T[][] = [];
  for (let start = 0; start < items.length; start += size)
    parts.push(items.slice(start, start + size));
  return parts;
}
