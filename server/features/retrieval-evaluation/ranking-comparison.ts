import {
  cutRanking,
  listMetricsWithin,
  computeRecallCurve,
  type RankedGold,
  type RankingMetric,
} from "@/core/metrics/ranking-metrics";
import { bootstrapClusters, sumObservations, type Observation } from "@/core/statistics/bootstrap";
import { computeSmallestDifference } from "@/core/statistics/power";
import type { RetrieverComparison } from "@/contracts/api/retrieval-evaluation";

/** A question as one run ranked it. */
export interface RankedQuestion extends RankedGold {
  episodeId: string;
  questionId: string;
  question: string;
  type: string | null;
  /** Cluster for intervals; a question without one is its own. */
  group: string | null;
}

type Interval = RetrieverComparison["overall"][number][number];

/** Bootstrap samples: enough for the ends of a 95% interval to stand still in the digits that are shown. */
const SAMPLES = 1_000;

/** The questions that every run has ranked, in the order of the first run: by run, then by question. */
export function selectSharedQuestions(
  runs: readonly (readonly RankedQuestion[])[],
): RankedQuestion[][] {
  const [first = [], ...others] = runs;
  const maps = others.map(
    (ranking) => new Map(ranking.map((ranked) => [ranked.questionId, ranked])),
  );
  const shared = first.filter(({ questionId }) => maps.every((map) => map.has(questionId)));
  return [shared, ...maps.map((map) => shared.map(({ questionId }) => map.get(questionId)!))];
}

const listObservations = (
  values: readonly (number | null)[],
  clusters: readonly string[],
): Observation[] =>
  values.flatMap((value, i) => (value === null ? [] : [{ value, cluster: clusters[i]! }]));

function computeInterval(observations: readonly Observation[]): Interval {
  if (observations.length === 0) return null;
  const { mean, low, high } = bootstrapClusters(observations, { samples: SAMPLES });
  return { mean, low, high };
}

const listClusters = (ranking: readonly RankedQuestion[]): string[] =>
  ranking.map(({ group, questionId }) =>
    group === null ? `question ${questionId}` : `group ${group}`,
  );

/** Every metric of every run, by run and metric, over the same questions. */
function computeMetrics(
  runs: readonly (readonly RankedQuestion[])[],
  metrics: readonly RankingMetric[],
): Interval[][] {
  return runs.map((ranking) =>
    metrics.map((metric) =>
      computeInterval(listObservations(ranking.map(metric.compute), listClusters(ranking))),
    ),
  );
}

/** Each run after the first minus the first, question by question: what makes a question hard cancels. */
function computeDifferences(
  runs: readonly (readonly RankedQuestion[])[],
  metrics: readonly RankingMetric[],
): RetrieverComparison["differences"] {
  const [first = [], ...others] = runs;
  const clusters = listClusters(first);
  return others.map((ranking) =>
    metrics.map((metric) => {
      const pairs = first.map((ranked, i) => {
        const [value, reference] = [metric.compute(ranking[i]!), metric.compute(ranked)];
        return value === null || reference === null ? null : value - reference;
      });
      const observations = listObservations(pairs, clusters);
      const interval = computeInterval(observations);
      return (
        interval && {
          ...interval,
          smallestDifference: computeSmallestDifference(sumObservations(observations)),
        }
      );
    }),
  );
}

/** Splits the questions by a key, the largest part first; a split into one part tells nothing and is left out. */
function computeSlices(
  runs: readonly (readonly RankedQuestion[])[],
  by: "type" | "hops",
  getKey: (ranked: RankedQuestion) => string | null,
  metrics: readonly RankingMetric[],
): RetrieverComparison["slices"] {
  const indices = new Map<string, number[]>();
  for (const [i, ranked] of (runs[0] ?? []).entries()) {
    const key = getKey(ranked);
    if (key === null) continue;
    const entry = indices.get(key);
    if (entry) entry.push(i);
    else indices.set(key, [i]);
  }
  if (indices.size < 2) return [];
  return [...indices]
    .sort(([a, x], [b, y]) =>
      by === "hops" ? Number(a) - Number(b) : y.length - x.length || a.localeCompare(b),
    )
    .map(([value, part]) => ({
      by,
      value,
      questions: part.length,
      overall: computeMetrics(
        runs.map((ranking) => part.map((i) => ranking[i]!)),
        metrics,
      ),
    }));
}

/** All figures of one run or of several side by side, over the questions that all of them have ranked, to the depth that all of them reach. */
export function compareRankings(
  rankings: readonly (readonly RankedQuestion[])[],
  depth: number,
): Pick<RetrieverComparison, "metrics" | "overall" | "differences" | "slices" | "curves"> & {
  scored: number;
} {
  const metrics = listMetricsWithin(depth);
  const runs = selectSharedQuestions(rankings).map((ranking) =>
    ranking.map((ranked) => ({ ...ranked, ...cutRanking(ranked, depth) })),
  );
  return {
    scored: runs[0]?.length ?? 0,
    metrics: metrics.map(({ key, meaning }) => ({ key, meaning })),
    overall: computeMetrics(runs, metrics),
    differences: computeDifferences(runs, metrics),
    slices: [
      ...computeSlices(runs, "type", ({ type }) => type, metrics),
      ...computeSlices(runs, "hops", ({ gold }) => String(gold), metrics),
    ],
    curves: runs.map((ranking) => computeRecallCurve(ranking, depth)),
  };
}
