/** A document that an index found: its row in the corpus and its score (higher is better). */
export interface RankedRow {
  row: number;
  score: number;
}

/** Sorts ranked rows: the higher score first, equal scores by row. */
export const compareRankedRows = (a: RankedRow, b: RankedRow): number =>
  b.score - a.score || a.row - b.row;
