const COLUMN_LETTERS = ["A", "B", "C", "D"] as const;

/** The letter that names a column. */
export const getColumnLetter = (place: number): string => COLUMN_LETTERS[place] ?? "";

/** Where a document stands in another column. */
export interface OtherRank {
  /** Column, counted from 0. */
  column: number;
  /** Counted from 1. */
  rank: number;
}

/**
 * For each column and each of its documents: its ranks in the other columns that have an answer. A document without any is only here. Columns without an answer yet (null) are left out.
 */
export function findOverlaps(columns: readonly (readonly string[] | null)[]): OtherRank[][][] {
  const ranks = columns.map((ids) =>
    ids === null ? null : new Map([...ids.entries()].reverse().map(([i, id]) => [id, i + 1])),
  );
  return columns.map((ids, own) =>
    (ids ?? []).map((id) =>
      ranks.flatMap((of, column) => {
        const rank = column === own ? undefined : of?.get(id);
        return rank === undefined ? [] : [{ column, rank }];
      }),
    ),
  );
}
