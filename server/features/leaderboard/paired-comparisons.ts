import type { z } from "zod";
import { bootstrapPairs } from "@/core/statistics/bootstrap";
import { computeSmallestDifference } from "@/core/statistics/power";
import { testMcNemar } from "@/core/statistics/comparison";
import type { pairedComparisonSchema } from "@/contracts/api/leaderboard";
import { sumByGroup, type QuestionScores } from "./question-scores";
import type { RunStatistics } from "./run-statistics";

export type PairedComparison = z.infer<typeof pairedComparisonSchema>;

/** What is needed of a result to compare it with another on the same questions. */
export interface ComparableResult {
  version: string;
  setId: string;
  /** Questions of the whole set. */
  questions: number;
}

const SAMPLES = 10_000;
const CACHED_COMPARISONS = 50_000;

/** Paired tests, kept by the versions of what they compare: scores that did not change are not tested again. */
export class PairedComparisons {
  private readonly cache = new Map<string, PairedComparison>();

  constructor(private readonly statistics: RunStatistics) {}

  /** Each pair's first minus second. All must be complete on the same questions. */
  async compare(
    pairs: readonly (readonly [ComparableResult, ComparableResult])[],
  ): Promise<PairedComparison[]> {
    const missing = pairs.filter((pair) => !this.cache.has(formatPairKey(pair)));
    if (missing.length > 0) {
      const scores = await this.statistics.readQuestionScores(missing.flat());
      for (const [first, second] of missing) {
        const [a, b] = [scores.get(first.version), scores.get(second.version)];
        // Changed since the page was read; the next read compares the new ones.
        if (!a || !b) continue;
        const { groups } = await this.statistics.readGroups(first.setId);
        this.keep(formatPairKey([first, second]), comparePairedScores(a, b, groups));
      }
    }
    return pairs.map((pair) => this.cache.get(formatPairKey(pair)) ?? UNKNOWN);
  }

  private keep(key: string, comparison: PairedComparison): void {
    if (this.cache.size >= CACHED_COMPARISONS) this.cache.delete(this.cache.keys().next().value!);
    this.cache.set(key, comparison);
  }
}

const formatPairKey = ([first, second]: readonly [ComparableResult, ComparableResult]): string =>
  `${first.version} ${second.version}`;
const UNKNOWN: PairedComparison = {
  difference: 0,
  low: 0,
  high: 0,
  bootstrapP: 1,
  pairs: 0,
  smallestDifference: null,
  mcNemar: null,
};

/**
 * Two methods on the questions that both answered: paired cluster bootstrap of the difference, and where every score is
 * 0 or 1 McNemar's test. McNemar's takes questions as independent; the bootstrap draws whole groups.
 */
export function comparePairedScores(
  first: QuestionScores,
  second: QuestionScores,
  groups: Int32Array,
): PairedComparison {
  const sums = sumByGroup(groups, (i) => first[i]! - second[i]!);
  if (sums.length === 0) return UNKNOWN;
  const { mean, low, high, pValue, observations } = bootstrapPairs(sums, { samples: SAMPLES });
  let [onlyFirst, onlySecond, binary] = [0, 0, true];
  for (let i = 0; i < first.length; i++) {
    const [a, b] = [first[i]!, second[i]!];
    if (Number.isNaN(a) || Number.isNaN(b)) continue;
    if ((a !== 0 && a !== 1) || (b !== 0 && b !== 1)) binary = false;
    if (a > b) onlyFirst += 1;
    if (b > a) onlySecond += 1;
  }
  return {
    difference: mean,
    low,
    high,
    bootstrapP: pValue,
    pairs: observations,
    smallestDifference: computeSmallestDifference(sums),
    mcNemar: binary ? testMcNemar(onlyFirst, onlySecond) : null,
  };
}
