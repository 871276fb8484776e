import type { SeedResults } from "@/contracts/api/leaderboard";
import { buildQuestionsKey } from "@/core/comparability/comparability";
import { computeMeanInterval } from "@/core/statistics/student";
import type { LeaderboardResult } from "./leaderboard-results";

/** One method's results under several seeds. Pure. */

/**
 * Complete results on the questions of `like` of the same method under its seeds, of training and of sampling: the
 * newest of each, by seed. Of imported results seeds are not known.
 *
 * @param results of one scope, the newest first
 */
export function listSeeds(
  like: LeaderboardResult,
  results: readonly LeaderboardResult[],
): LeaderboardResult[] {
  if (like.importedFrom !== null) return [];
  const questions = buildQuestionsKey(like.facts);
  const bySeeds = new Map<string, LeaderboardResult>();
  for (const result of results) {
    const { variant, config, facts, complete } = result;
    const key = `${variant.trainingSeed} ${config.seed}`;
    if (
      complete &&
      variant.family === like.variant.family &&
      buildQuestionsKey(facts) === questions &&
      !bySeeds.has(key)
    )
      bySeeds.set(key, result);
  }
  return [...bySeeds.values()].sort(
    (a, b) =>
      (a.variant.trainingSeed ?? -1) - (b.variant.trainingSeed ?? -1) ||
      a.config.seed - b.config.seed,
  );
}

/** Mean and spread over seeds; null under fewer than two. */
export function summariseSeeds(results: readonly LeaderboardResult[]): SeedResults | null {
  if (results.length < 2) return null;
  const { mean, low, high, deviation } = computeMeanInterval(results.map((result) => result.mean));
  return {
    mean,
    // Of two values or more all three are numbers.
    low: low!,
    high: high!,
    deviation: deviation!,
    runs: results.map((result) => ({
      runId: result.runId,
      trainingSeed: result.variant.trainingSeed,
      seed: result.config.seed,
      mean: result.mean,
      low: result.low,
      high: result.high,
    })),
  };
}
