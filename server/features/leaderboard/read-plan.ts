import type { z } from "zod";
import type { planResponseSchema } from "@/contracts/api/leaderboard";
import { AppError } from "@/contracts/errors";
import { splitPairedVariance, splitSeedVariance } from "@/core/statistics/power";
import type { LeaderboardResult } from "./leaderboard-results";
import { sumByGroup, type QuestionScores } from "./question-scores";
import type { RunStatistics } from "./run-statistics";

/**
 * Variance of the difference of two methods, over the questions that all of their seeds have scored.
 *
 * @param first results of a method by seed, at least one
 * @param second those of the method it is compared with
 * @throws AppError "conflict" where results were made anew meanwhile
 */
export async function readPlan(
  statistics: RunStatistics,
  first: readonly LeaderboardResult[],
  second: readonly LeaderboardResult[],
): Promise<z.infer<typeof planResponseSchema>> {
  const byVersion = await statistics.readQuestionScores([...first, ...second]);
  const [a, b] = [first, second].map((results) =>
    results.map(({ version }) => {
      const scores = byVersion.get(version);
      if (!scores)
        throw new AppError("conflict", "Results landed while they were read. Try again.");
      return scores;
    }),
  ) as [QuestionScores[], QuestionScores[]];
  const { groups } = await statistics.readGroups(first[0]!.setId);
  const average = (scores: readonly QuestionScores[], question: number): number =>
    scores.reduce((sum, of) => sum + of[question]!, 0) / scores.length;
  const clusters = sumByGroup(groups, (i) => average(a, i) - average(b, i));
  const questions = clusters.reduce((sum, { count }) => sum + count, 0);
  const shared = [...groups.keys()].filter((i) => !Number.isNaN(average(a, i) - average(b, i)));
  const split = (scores: readonly QuestionScores[]) =>
    splitSeedVariance(scores.map((of) => shared.map((i) => of[i]!)));
  return {
    questions,
    clusters: clusters.length,
    difference: clusters.reduce((sum, { sum: of }) => sum + of, 0) / questions,
    seeds: [a.length, b.length],
    variance: splitPairedVariance(clusters, [split(a), split(b)]),
  };
}
