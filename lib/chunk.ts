/**
 * Splits items into consecutive parts of `size`; the last one holds what is left.
 *
 * @param size a whole number of at least 1
 * @returns no part for no items
 */
export function chunk<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
