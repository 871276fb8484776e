/** Fuses rankings of the same documents into one. Pure; documents are told apart by their ids. */

export interface Scored {
  id: string;
  score: number;
}

/** One ranking, best first, each document once. */
export type Ranked = readonly Scored[];

/**
 * Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): a document at rank r (from 1) of a ranking gets
 * 1 / (k + r) from it, and its score is the sum over the rankings.
 */
export function fuseByReciprocalRank(rankings: readonly Ranked[], k: number): Scored[] {
  return fuseRankings(rankings, (_, ranking) => ranking.map((_, i) => 1 / (k + i + 1)));
}

/**
 * Weighted sum of scores. The scores of each ranking are scaled to 1 for the best and 0 for the last (all 1 where they
 * are equal); a document that is not in a ranking gets 0 from it.
 */
export function fuseByWeightedScores(
  rankings: readonly Ranked[],
  weights: readonly number[],
): Scored[] {
  return fuseRankings(rankings, (which, ranking) => {
    const best = ranking[0]?.score ?? 0;
    const last = ranking.at(-1)?.score ?? 0;
    return ranking.map(
      ({ score }) => (weights[which] ?? 0) * (best === last ? 1 : (score - last) / (best - last)),
    );
  });
}

/**
 * Adds up what each ranking gives a document. Among equal sums the document with the better best rank comes first, then
 * that of the earlier ranking.
 */
function fuseRankings(
  rankings: readonly Ranked[],
  shares: (which: number, ranking: Ranked) => number[],
): Scored[] {
  const found = new Map<string, { id: string; score: number; rank: number; order: number }>();
  rankings.forEach((ranking, which) => {
    const own = shares(which, ranking);
    ranking.forEach(({ id }, rank) => {
      const share = own[rank] ?? 0;
      const entry = found.get(id);
      if (!entry) {
        found.set(id, { id, score: share, rank, order: which });
        return;
      }
      entry.score += share;
      if (rank < entry.rank) Object.assign(entry, { rank, order: which });
    });
  });
  return [...found.values()]
    .sort((a, b) => b.score - a.score || a.rank - b.rank || a.order - b.order)
    .map(({ id, score }) => ({ id, score }));
}
