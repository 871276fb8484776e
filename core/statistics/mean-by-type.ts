/** Figures by type of question; in upstream's sets the type is the data source. Pure. */

export interface TypeMean {
  type: string;
  /** Questions of the type that were scored. */
  scored: number;
  mean: number;
}

/** A set of more types is no set of a few data sources. */
const MOST_TYPES = 64;

/**
 * Mean score of each type, in the order in which types first come. Empty where there is but one, where a scored question
 * names none, or where there are more than 64.
 *
 * @param scores by question; NaN: not scored
 */
export function averageByType(
  types: readonly (string | null)[],
  scores: ArrayLike<number>,
): TypeMean[] {
  const sums = new Map<string, { scored: number; sum: number }>();
  for (const [i, type] of types.entries()) {
    const score = scores[i]!;
    if (Number.isNaN(score)) continue;
    if (type === null) return [];
    const held = sums.get(type) ?? { scored: 0, sum: 0 };
    sums.set(type, { scored: held.scored + 1, sum: held.sum + score });
  }
  if (sums.size < 2 || sums.size > MOST_TYPES) return [];
  return [...sums].map(([type, { scored, sum }]) => ({ type, scored, mean: sum / scored }));
}

/** Mean of the types' means, each counting once, as the paper's "Avg."; null where there are no types. */
export const computeMacroMean = (types: readonly Pick<TypeMean, "mean">[]): number | null =>
  types.length === 0 ? null : types.reduce((sum, { mean }) => sum + mean, 0) / types.length;
