/**
 * How well a ranking finds the gold documents of a question. Pure; gains are binary, as for trec_eval with relevance 1.
 *
 * A question's outcome is reduced to the ranks of its gold documents. Three cases are settled here, once:
 * - A question without gold documents measures nothing: every metric is null, never 0. It is counted, not scored.
 * - A document that occurs twice counts at its first rank; the documents after the second move up.
 * - Ties: the retriever's order counts, not the scores, because the generator reads the documents in that order.
 */

/** What a ranking of `depth` documents found of a question's gold documents. */
export interface RankedGold {
  /** Distinct gold documents of the question. */
  gold: number;
  /** Ranks of those that were found, counted from 1, ascending, none above `depth`. */
  ranks: readonly number[];
  /** Number of documents retrieved; nothing is known beyond. */
  depth: number;
}

/** The distinct entries of a ranking in their order. */
export const removeRepeats = (ranking: readonly string[]): string[] => [...new Set(ranking)];

/** Reduces a ranking to the ranks of the gold documents in it. */
export function rankGold(
  ranking: readonly string[],
  goldIds: readonly string[],
  depth: number,
): RankedGold {
  const gold = new Set(goldIds);
  const ranks = removeRepeats(ranking)
    .slice(0, depth)
    .flatMap((id, i) => (gold.has(id) ? [i + 1] : []));
  return { gold: gold.size, ranks, depth };
}

const countWithin = (ranks: readonly number[], k: number): number => {
  let count = 0;
  for (const rank of ranks) if (rank <= k) count += 1;
  return count;
};

/** Whether a metric at `k` is defined: the question has gold documents, and the ranking reaches down to `k`. */
const isKnown = ({ gold, depth }: RankedGold, k: number): boolean => gold > 0 && k <= depth;

/** Share of the gold documents among the first `k` (trec_eval `recall_k`). Null where it is not defined. */
export const computeRecall = (result: RankedGold, k: number): number | null =>
  isKnown(result, k) ? countWithin(result.ranks, k) / result.gold : null;

/** 1 where every gold document is among the first `k`, else 0: a multi-hop question can be answered only then. */
export const computeFullSupport = (result: RankedGold, k: number): number | null =>
  isKnown(result, k) ? Number(countWithin(result.ranks, k) === result.gold) : null;

/** Share of gold documents among the first `k`, of `k` (trec_eval `P_k`): a shorter ranking does not gain by it. */
export const computePrecision = (result: RankedGold, k: number): number | null =>
  isKnown(result, k) ? countWithin(result.ranks, k) / k : null;

/**
 * 1 / rank of the first gold document, 0 where none is among the first `k`; its mean is MRR (Voorhees 1999, TREC-8 question
 * answering track; trec_eval `recip_rank`).
 */
export function computeReciprocalRank(result: RankedGold, k: number): number | null {
  if (!isKnown(result, k)) return null;
  const first = result.ranks[0];
  return first !== undefined && first <= k ? 1 / first : 0;
}

const computeDiscount = (rank: number): number => 1 / Math.log2(rank + 1);

/**
 * Normalised discounted cumulated gain of the first `k` (Järvelin and Kekäläinen 2002, with trec_eval's discount of
 * log2(rank + 1); `ndcg_cut_k`): the sum of 1 / log2(rank + 1) over the gold documents found, divided by that of a
 * ranking that begins with all of them.
 */
export function computeNdcg(result: RankedGold, k: number): number | null {
  if (!isKnown(result, k)) return null;
  let found = 0;
  for (const rank of result.ranks) if (rank <= k) found += computeDiscount(rank);
  let ideal = 0;
  for (let rank = 1; rank <= Math.min(k, result.gold); rank++) ideal += computeDiscount(rank);
  return found / ideal;
}

export interface RankingMetric {
  /** As it is written in tables and in metric names, e.g. "recall@10". */
  key: string;
  /** The first documents that it looks at; null: all of the ranking. */
  k: number | null;
  /** What it measures, in a sentence. */
  meaning: string;
  compute: (result: RankedGold) => number | null;
}

const defineRecall = (k: number): RankingMetric => ({
  key: `recall@${k}`,
  k,
  meaning: `Share of the gold documents among the first ${k}.`,
  compute: (r) => computeRecall(r, k),
});
const defineFullSupport = (k: number): RankingMetric => ({
  key: `full-support@${k}`,
  k,
  meaning: `Share of questions that have all their gold documents among the first ${k}.`,
  compute: (r) => computeFullSupport(r, k),
});

/** The metrics that are reported, in the order of the tables. */
export const RANKING_METRICS: readonly RankingMetric[] = [
  defineRecall(1),
  defineRecall(3),
  defineRecall(10),
  defineRecall(100),
  defineFullSupport(3),
  defineFullSupport(10),
  defineFullSupport(100),
  {
    key: "mrr",
    k: null,
    meaning: "Mean of 1 / rank of the first gold document.",
    compute: (r) => computeReciprocalRank(r, r.depth),
  },
  {
    key: "ndcg@10",
    k: 10,
    meaning: "Normalised discounted cumulated gain of the first 10, binary gains.",
    compute: (r) => computeNdcg(r, 10),
  },
  {
    key: "precision@10",
    k: 10,
    meaning: "Share of gold documents among the first 10.",
    compute: (r) => computePrecision(r, 10),
  },
];

/** Those that a ranking of `depth` documents defines. */
export const listMetricsWithin = (depth: number): RankingMetric[] =>
  RANKING_METRICS.filter(({ k }) => k === null || k <= depth);

/** The result as if only `depth` documents had been retrieved. */
export const cutRanking = (result: RankedGold, depth: number): RankedGold =>
  depth >= result.depth
    ? result
    : { ...result, ranks: result.ranks.filter((rank) => rank <= depth), depth };

/** Mean over the questions that define the metric; null where none does. */
export function computeMeanMetric(
  results: readonly RankedGold[],
  metric: RankingMetric,
): number | null {
  let sum = 0;
  let count = 0;
  for (const result of results) {
    const value = metric.compute(result);
    if (value === null) continue;
    sum += value;
    count += 1;
  }
  return count === 0 ? null : sum / count;
}

/** Points of a curve at most. */
const CURVE_POINTS = 200;

/** Depths at which a curve is drawn: 1, then evenly up to the last, each where there are few. */
export function listCurveDepths(depth: number): number[] {
  const stride = Math.ceil(depth / CURVE_POINTS);
  const depths = [1];
  for (let k = stride === 1 ? 2 : stride; k < depth; k += stride) depths.push(k);
  return depth > 1 ? [...depths, depth] : depths;
}

export interface CurvePoint {
  k: number;
  recall: number;
  fullSupport: number;
}

/** Mean recall and full support over k, in one pass over the results; empty where no question has gold documents. */
export function computeRecallCurve(results: readonly RankedGold[], depth: number): CurvePoint[] {
  const foundAt = new Float64Array(depth + 1);
  const fullAt = new Float64Array(depth + 1);
  let scored = 0;
  for (const { gold, ranks } of results) {
    if (gold === 0) continue;
    scored += 1;
    for (const rank of ranks) if (rank <= depth) foundAt[rank]! += 1 / gold;
    const last = ranks[gold - 1];
    if (last !== undefined && last <= depth) fullAt[last]! += 1;
  }
  if (scored === 0) return [];
  for (let k = 1; k <= depth; k++) {
    foundAt[k]! += foundAt[k - 1]!;
    fullAt[k]! += fullAt[k - 1]!;
  }
  return listCurveDepths(depth).map((k) => ({
    k,
    recall: foundAt[k]! / scored,
    fullSupport: fullAt[k]! / scored,
  }));
}
