import { sortRows, type Sort, type SortValue } from "@/app/_lib/format/table-sort";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import {
  computeMeanCost,
  ENGLISH,
  formatColumnTitle,
  isCostKey,
  type LeaderboardRow,
} from "./leaderboard-text";

interface View {
  sort: Sort | null;
  /** Part of a method's name or details. */
  search: string;
  /** Keys of rows that stand first, whatever is sorted or searched. */
  pinned: readonly string[];
}

/** The rows that a view shows: pinned ones first, then those that hold the text; unsorted in the board's order. */
export function arrangeRows(
  { rows, columns }: Pick<Leaderboard, "rows" | "columns">,
  { sort, search, pinned }: View,
): LeaderboardRow[] {
  const wanted = search.trim().toLowerCase();
  const titles = columns.map((column) => formatColumnTitle(ENGLISH, column, columns));
  const sorted = sortRows(rows, sort, (row, column) => getValue(row, column, titles));
  const isPinned = (row: LeaderboardRow): boolean => pinned.includes(row.key);
  return [
    ...sorted.filter(isPinned),
    ...sorted.filter(
      (row) =>
        !isPinned(row) && `${row.label} ${row.detail} ${row.method}`.toLowerCase().includes(wanted),
    ),
  ];
}

/** What a row is sorted by: "method", a column's title, "average", a cost, "samples". Results without a rank count as none. */
function getValue(row: LeaderboardRow, column: string, titles: readonly string[]): SortValue {
  if (column === "method") return row.label;
  if (column === "average") return row.average ?? undefined;
  if (column === "samples") return row.trainingSamples ?? undefined;
  if (isCostKey(column)) return computeMeanCost(row, column) ?? undefined;
  const cell = row.cells[titles.indexOf(column)];
  return cell && cell.rank !== null ? cell.mean : undefined;
}
