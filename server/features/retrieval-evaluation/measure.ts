import {
  cutTo,
  metricsWithin,
  recallCurve,
  type RankedGold,
  type RankingMetric,
} from "@/core/metrics/ranking-metrics";
import { clusterBootstrap } from "@/core/statistics/bootstrap";
import type { RetrieverComparison } from "@/contracts/api/retrieval-evaluation";

/** A question as one run ranked it. */
export interface Outcome extends RankedGold {
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
export function sharedQuestions(runs: readonly (readonly Outcome[])[]): Outcome[][] {
  const [first = [], ...others] = runs;
  const maps = others.map(
    (outcomes) => new Map(outcomes.map((outcome) => [outcome.questionId, outcome])),
  );
  const shared = first.filter(({ questionId }) => maps.every((map) => map.has(questionId)));
  return [shared, ...maps.map((map) => shared.map(({ questionId }) => map.get(questionId)!))];
}

function intervalOf(values: readonly (number | null)[], clusters: readonly string[]): Interval {
  const observations = values.flatMap((value, i) =>
    value === null ? [] : [{ value, cluster: clusters[i]! }],
  );
  if (observations.length === 0) return null;
  const { mean, low, high } = clusterBootstrap(observations, { samples: SAMPLES });
  return { mean, low, high };
}

const clustersOf = (outcomes: readonly Outcome[]): string[] =>
  outcomes.map(({ group, questionId }) =>
    group === null ? `question ${questionId}` : `group ${group}`,
  );

/** Every metric of every run, by run and metric, over the same questions. */
function measure(
  runs: readonly (readonly Outcome[])[],
  metrics: readonly RankingMetric[],
): Interval[][] {
  return runs.map((outcomes) =>
    metrics.map((metric) => intervalOf(outcomes.map(metric.of), clustersOf(outcomes))),
  );
}

/** Each run after the first minus the first, question by question: what makes a question hard cancels. */
function differences(
  runs: readonly (readonly Outcome[])[],
  metrics: readonly RankingMetric[],
): Interval[][] {
  const [first = [], ...others] = runs;
  const clusters = clustersOf(first);
  return others.map((outcomes) =>
    metrics.map((metric) => {
      const pairs = first.map((outcome, i) => {
        const [mine, reference] = [metric.of(outcomes[i]!), metric.of(outcome)];
        return mine === null || reference === null ? null : mine - reference;
      });
      return intervalOf(pairs, clusters);
    }),
  );
}

/** Splits the questions by a key, the largest part first; a split into one part tells nothing and is left out. */
function slicesBy(
  runs: readonly (readonly Outcome[])[],
  by: "type" | "hops",
  keyOf: (outcome: Outcome) => string | null,
  metrics: readonly RankingMetric[],
): RetrieverComparison["slices"] {
  const indices = new Map<string, number[]>();
  for (const [i, outcome] of (runs[0] ?? []).entries()) {
    const key = keyOf(outcome);
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
      overall: measure(
        runs.map((outcomes) => part.map((i) => outcomes[i]!)),
        metrics,
      ),
    }));
}

/** All figures of one run or of several side by side, over the questions that all of them have ranked, to the depth that all of them reach. */
export function compareOutcomes(
  ranked: readonly (readonly Outcome[])[],
  depth: number,
): Pick<RetrieverComparison, "metrics" | "overall" | "differences" | "slices" | "curves"> & {
  scored: number;
} {
  const metrics = metricsWithin(depth);
  const runs = sharedQuestions(ranked).map((outcomes) =>
    outcomes.map((outcome) => ({ ...outcome, ...cutTo(outcome, depth) })),
  );
  return {
    scored: runs[0]?.length ?? 0,
    metrics: metrics.map(({ key, meaning }) => ({ key, meaning })),
    overall: measure(runs, metrics),
    differences: differences(runs, metrics),
    slices: [
      ...slicesBy(runs, "type", ({ type }) => type, metrics),
      ...slicesBy(runs, "hops", ({ gold }) => String(gold), metrics),
    ],
    curves: runs.map((outcomes) => recallCurve(outcomes, depth)),
  };
}
