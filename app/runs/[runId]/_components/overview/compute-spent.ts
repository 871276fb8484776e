import type { Series } from "@/app/_lib/live/use-series";
import type { MetricName } from "@/core/metrics/metric-table";

const CALLS = "endpoint/calls";
const COST = "endpoint/cost_usd";
const MACHINE = "system/cpu";
const ENERGY = "system/gpu_energy_wh";

/** What `computeSpent` reads. */
export const SPENT_METRICS = [
  CALLS,
  COST,
  MACHINE,
  ENERGY,
] as const satisfies readonly MetricName[];

/** A sum over steps; `isPartial` where some of the steps do not have it. */
export interface SpentAmount {
  amount: number;
  isPartial: boolean;
}

/** What a run took beside time: "unknown" where it took some but nobody knows how much; null where nothing is said of it. */
export interface SpentResources {
  /** US dollars of the endpoints. */
  cost: SpentAmount | "unknown" | null;
  /** Watt-hours of the GPUs. */
  energy: SpentAmount | "unknown" | null;
}

interface Total {
  amount: number;
  points: number;
}

/** Sums a metric of single steps; a point that stands for several counts its mean for each. */
function sumPoints(series: Series, name: MetricName): Total {
  let [amount, points] = [0, 0];
  for (const { value, count } of series[name] ?? []) {
    amount += value * count;
    points += count;
  }
  return { amount, points };
}

/** A metric that stands beside another one at every step at which it is known. */
function compareTotals(measured: Total, expected: Total): SpentAmount | "unknown" | null {
  if (expected.points === 0) return null;
  if (measured.points === 0) return "unknown";
  return { amount: measured.amount, isPartial: measured.points < expected.points };
}

/** Cost and energy of a run's steps so far. Runs that older workers made say nothing of either. */
export const computeSpent = (series: Series): SpentResources => ({
  cost: compareTotals(sumPoints(series, COST), sumPoints(series, CALLS)),
  energy: compareTotals(sumPoints(series, ENERGY), sumPoints(series, MACHINE)),
});
