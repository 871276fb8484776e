import { rankMethods, type RankInterval } from "@/core/statistics/ranks";
import type { ComparableResult } from "./paired-comparisons";
import { sumClusters } from "./question-scores";
import type { RunStatistics } from "./run-statistics";

const CACHED_COLUMNS = 200;

/** Rank intervals of columns, kept by the versions of what they rank. */
export class ColumnRanks {
  private readonly cache = new Map<string, RankInterval[]>();

  constructor(private readonly statistics: RunStatistics) {}

  /**
   * Rank intervals by row. All results must be complete on the same questions; empty where one has changed since it was
   * listed.
   */
  async rank(
    ranked: readonly { row: number; result: ComparableResult }[],
  ): Promise<Map<number, RankInterval>> {
    const results = ranked.map(({ result }) => result);
    const key = results.map(({ version }) => version).join(" ");
    const intervals = this.cache.get(key) ?? (await this.compute(results));
    if (intervals === null) return new Map();
    if (this.cache.size >= CACHED_COLUMNS) this.cache.delete(this.cache.keys().next().value!);
    this.cache.set(key, intervals);
    return new Map(ranked.map(({ row }, i) => [row, intervals[i]!]));
  }

  private async compute(results: readonly ComparableResult[]): Promise<RankInterval[] | null> {
    const [first] = results;
    if (!first) return [];
    const byVersion = await this.statistics.readQuestionScores(results);
    const scores = results.flatMap(({ version }) => byVersion.get(version) ?? []);
    if (scores.length < results.length) return null;
    const { groups } = await this.statistics.readGroups(first.setId);
    return rankMethods(sumClusters(groups, scores));
  }
}
