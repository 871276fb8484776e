import type { Series } from "@/app/_lib/live/use-series";
import type { RunStatistics } from "@/app/_lib/live/trpc";
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

/** What a prediction's answers took of searcher and generator; the judge is not in it. */
interface PredictionSpent {
  /** Tokens read and written of a question, the mean of those that were counted; null where nobody counted them. */
  tokensEach: number | null;
  /** All tokens, as if those that nobody counted took as many; null where nobody counted any. */
  tokens: SpentAmount | null;
  /** US dollars. */
  cost: SpentAmount | "unknown";
}

type AnswersSpent = Pick<
  RunStatistics,
  "questionSet" | "generator" | "promptStyle" | "answered" | "scored" | "tokens" | "costUsd"
>;

/**
 * Sums the means over scored answers that statistics hold, of each scorer once. What answers took that are not scored
 * yet, or of which nobody knows it, is missing: such a sum is partial.
 *
 * @returns null where no answer is scored
 */
export function computePredictionSpent(
  statistics: readonly AnswersSpent[],
): PredictionSpent | null {
  // Every scorer tells of the same answers: the one that has scored most of them counts.
  const answers = new Map<string, AnswersSpent>();
  for (const one of statistics) {
    const key = JSON.stringify([one.questionSet, one.generator, one.promptStyle]);
    if ((answers.get(key)?.scored ?? 0) < one.scored) answers.set(key, one);
  }
  const parts = [...answers.values()];
  if (parts.length === 0) return null;
  const answered = new Map(parts.map((part) => [part.questionSet, part.answered]));
  const all = [...answered.values()].reduce((sum, count) => sum + count, 0);
  const add = (key: "tokens" | "costUsd"): Total => {
    const known = parts.filter((part) => part[key] !== null);
    return {
      amount: known.reduce((sum, part) => sum + part.scored * part[key]!, 0),
      points: known.reduce((sum, part) => sum + part.scored, 0),
    };
  };
  const [tokens, cost] = [add("tokens"), add("costUsd")];
  const toAmount = ({ amount, points }: Total): SpentAmount => ({
    amount,
    isPartial: points < all,
  });
  return {
    tokensEach: tokens.points === 0 ? null : tokens.amount / tokens.points,
    tokens: tokens.points === 0 ? null : toAmount(tokens),
    cost: cost.points === 0 ? "unknown" : toAmount(cost),
  };
}
