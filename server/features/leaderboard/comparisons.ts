import type { z } from "zod";
import { pairedBootstrap } from "@/core/statistics/bootstrap";
import { mcNemar } from "@/core/statistics/comparison";
import type { pairedComparisonSchema } from "@/contracts/api/leaderboard";
import { sumByGroup, type Outcomes } from "./outcomes";
import type { Statistics } from "./statistics";

export type PairedComparison = z.infer<typeof pairedComparisonSchema>;

/** What is needed of a result to compare it with another on the same questions. */
export interface Comparable {
  version: string;
  setId: string;
  /** Questions of the whole set. */
  questions: number;
}

const SAMPLES = 10_000;
const KEPT = 50_000;

/** Paired tests, kept by the versions of what they compare: outcomes that did not change are not tested again. */
export class Comparisons {
  private readonly kept = new Map<string, PairedComparison>();

  constructor(private readonly statistics: Statistics) {}

  /** Each pair's first minus second. All must be complete on the same questions. */
  async of(pairs: readonly (readonly [Comparable, Comparable])[]): Promise<PairedComparison[]> {
    const wanted = pairs.filter((pair) => !this.kept.has(keyOf(pair)));
    if (wanted.length > 0) {
      const outcomes = await this.statistics.outcomesOf(unique(wanted.flat()));
      for (const [first, second] of wanted) {
        const [a, b] = [outcomes.get(first.version), outcomes.get(second.version)];
        // Changed since the page was read; the next read compares the new ones.
        if (!a || !b) continue;
        const { groups } = await this.statistics.groupsOf(first.setId);
        this.keep(keyOf([first, second]), compareOutcomes(a, b, groups));
      }
    }
    return pairs.map((pair) => this.kept.get(keyOf(pair)) ?? UNKNOWN);
  }

  private keep(key: string, comparison: PairedComparison): void {
    if (this.kept.size >= KEPT) this.kept.delete(this.kept.keys().next().value!);
    this.kept.set(key, comparison);
  }
}

const keyOf = ([first, second]: readonly [Comparable, Comparable]): string =>
  `${first.version} ${second.version}`;
const unique = (items: readonly Comparable[]): Comparable[] => [
  ...new Map(items.map((item) => [item.version, item])).values(),
];
const UNKNOWN: PairedComparison = {
  difference: 0,
  low: 0,
  high: 0,
  bootstrapP: 1,
  pairs: 0,
  mcNemar: null,
};

/**
 * Two methods on the questions that both answered: paired cluster bootstrap of the difference, and where every score is
 * 0 or 1 McNemar's test. McNemar's takes questions as independent; the bootstrap draws whole groups.
 */
export function compareOutcomes(
  first: Outcomes,
  second: Outcomes,
  groups: Int32Array,
): PairedComparison {
  const entries = sumByGroup(groups, (i) => first[i]! - second[i]!);
  if (entries.length === 0) return UNKNOWN;
  const { mean, low, high, pValue, observations } = pairedBootstrap(entries, { samples: SAMPLES });
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
    mcNemar: binary ? mcNemar(onlyFirst, onlySecond) : null,
  };
}
