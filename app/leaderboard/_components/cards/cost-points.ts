import { findParetoFront } from "@/core/statistics/comparison";
import type { Leaderboard } from "@/app/_lib/live/trpc";
import type { CostKey } from "@/app/leaderboard/_components/table/leaderboard-text";

export interface CostPoint {
  id: string;
  label: string;
  cost: number;
  accuracy: number;
  low: number;
  high: number;
  onFront: boolean;
}

/** Complete results of a column by cost; `onFront` marks those on the Pareto front. */
export function computeCostPoints(board: Leaderboard, column: number, key: CostKey): CostPoint[] {
  const points = board.rows.flatMap((row) => {
    const cell = row.cells[column];
    const cost = cell?.[key];
    return cell && cell.rank !== null && cost !== null && cost !== undefined
      ? [
          {
            id: row.id,
            label: row.label,
            cost,
            accuracy: cell.mean,
            low: cell.low,
            high: cell.high,
          },
        ]
      : [];
  });
  const front = new Set(
    findParetoFront(
      points,
      (p) => p.cost,
      (p) => p.accuracy,
    ).map((p) => p.id),
  );
  return points
    .map((point) => ({ ...point, onFront: front.has(point.id) }))
    .sort((a, b) => a.cost - b.cost);
}

/** Round numbers from 0 to beyond the largest value. */
export function computeAxisTicks(largest: number): number[] {
  const rough = (largest > 0 ? largest : 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const stride = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= rough)!;
  return Array.from(
    { length: Math.ceil((largest > 0 ? largest : 1) / stride - 1e-9) + 1 },
    (_, i) => Number((i * stride).toPrecision(12)),
  );
}
