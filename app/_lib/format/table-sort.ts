import type { SettingValue } from "@/contracts/run-config/sweep";
import { formatSettingValue } from "@/core/sweep/varied-settings";

/** How a table is sorted: by a column, up or down; the address holds it as "column" or "-column". */
export interface Sort {
  column: string;
  descending: boolean;
}

/** The sort that the address holds; null where it holds none. */
export const readSort = (text: string | null): Sort | null =>
  text ? { column: text.replace(/^-/, ""), descending: text.startsWith("-") } : null;
/** The sort as text for the address. */
export const formatSort = ({ column, descending }: Sort): string =>
  `${descending ? "-" : ""}${column}`;

/** The sort after a click on a column: descending, then ascending, then the table's own order. */
export function getNextSort(now: Sort | null, column: string): Sort | null {
  if (now?.column !== column) return { column, descending: true };
  return now.descending ? { column, descending: false } : null;
}

export type SortValue = SettingValue | undefined;

/** Sorts rows: numbers by size, texts by the alphabet, missing values always last. */
export function sortRows<T>(
  rows: readonly T[],
  sort: Sort | null,
  getValue: (row: T, column: string) => SortValue,
): T[] {
  if (!sort) return [...rows];
  return rows
    .map((row) => ({ row, value: getValue(row, sort.column) ?? null }))
    .sort((a, b) => {
      if (a.value === null || b.value === null)
        return a.value === b.value ? 0 : a.value === null ? 1 : -1;
      const order =
        typeof a.value === "number" && typeof b.value === "number"
          ? a.value - b.value
          : formatSettingValue(a.value).localeCompare(formatSettingValue(b.value));
      return sort.descending ? -order : order;
    })
    .map(({ row }) => row);
}
