import type { HomeBest } from "@/contracts/api/home";
import { buildQuestionsKey, isInScope } from "@/core/comparability/comparability";
import { describeChoice } from "@/core/questions/choose-questions";
import type { LeaderboardResult } from "@/server/features/leaderboard/leaderboard-results";
import { isCeiling, listScopes } from "@/server/features/leaderboard/leaderboard-table";

/** Question sets that are listed. */
const LISTED_SETS = 12;

/**
 * The best complete result on each question set. A set that was answered in several scopes (corpus, generator, scorer)
 * is shown in that with most results: results of two scopes have no common rank.
 */
export function chooseBest(results: readonly LeaderboardResult[]): HomeBest[] {
  const ranked = results.filter((result) => result.complete && !isCeiling(result));
  const best = new Map<string, HomeBest>();
  for (const scope of listScopes(ranked))
    for (const result of ranked.filter(({ facts }) => isInScope(facts, scope))) {
      const { facts, variant, runId, mean, low, high, types, replies, unread } = result;
      const key = buildQuestionsKey(facts);
      const found = best.get(key);
      if (found && found.scope !== scope.key) continue;
      const results = (found?.results ?? 0) + 1;
      if (found && found.mean >= mean) {
        found.results = results;
        continue;
      }
      const { corpus, generator, scorer, key: scopeKey } = scope;
      const { questionSet: set, limit, sampleSeed, skipYesNo } = facts;
      const choice = describeChoice({ limit, sampleSeed, skipYesNo });
      const questionSet = choice === null ? set : `${set}, ${choice}`;
      const { label } = variant;
      const measured = { label, runId, mean, low, high, types, replies, unread, results };
      best.set(key, { questionSet, corpus, generator, scorer, scope: scopeKey, ...measured });
    }
  return [...best.values()].sort((a, b) => b.results - a.results).slice(0, LISTED_SETS);
}
