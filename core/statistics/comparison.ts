import { computeChiSquareTail, computeHalfBinomialCdf, computeNormalQuantile } from "./special";

/** Tests and intervals for comparing methods on the same questions. Pure. */

export interface McNemar {
  /** Questions that only the first method answers, and only the second. */
  onlyFirst: number;
  onlySecond: number;
  /** Two-sided p-value of the exact binomial test. */
  exactP: number;
  /** Chi-square statistic with continuity correction, and its p-value. */
  statistic: number;
  chiSquareP: number;
}

/**
 * McNemar's test (1947) from the two discordant counts: whether two methods answer different shares of the same
 * questions. The exact p-value doubles the smaller binomial tail; the chi-square one is corrected for continuity
 * (Edwards 1948). Counts are whole numbers >= 0; without a discordant question both p-values are 1.
 */
export function testMcNemar(onlyFirst: number, onlySecond: number): McNemar {
  const n = onlyFirst + onlySecond;
  if (n === 0) return { onlyFirst, onlySecond, exactP: 1, statistic: 0, chiSquareP: 1 };
  const statistic = (Math.abs(onlyFirst - onlySecond) - 1) ** 2 / n;
  return {
    onlyFirst,
    onlySecond,
    exactP: Math.min(1, 2 * computeHalfBinomialCdf(Math.min(onlyFirst, onlySecond), n)),
    statistic,
    chiSquareP: computeChiSquareTail(statistic),
  };
}

/** Holm's step-down correction (1979) of p-values for all of them being looked at together; in the order given. */
export function correctByHolm(pValues: readonly number[]): number[] {
  const order = pValues.map((p, i) => [p, i] as const).sort(([a], [b]) => a - b);
  const corrected = new Array<number>(pValues.length).fill(1);
  let largest = 0;
  order.forEach(([p, i], rank) => {
    largest = Math.max(largest, Math.min(1, p * (pValues.length - rank)));
    corrected[i] = largest;
  });
  return corrected;
}

/** Wilson's score interval (1927) of a share: `successes` of `n` independent trials. Throws RangeError for n = 0. */
export function computeWilsonInterval(
  successes: number,
  n: number,
  level = 0.95,
): { mean: number; low: number; high: number } {
  if (n <= 0) throw new RangeError("A share needs at least one trial.");
  const z = computeNormalQuantile((1 - level) / 2);
  const share = successes / n;
  const spread = 1 + (z * z) / n;
  const centre = (share + (z * z) / (2 * n)) / spread;
  const half = (z / spread) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return { mean: share, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}

/**
 * The Pareto front: the points that no other point beats in both cost (less is better) and value (more is better),
 * by increasing cost. Of equal points each is kept.
 */
export function findParetoFront<T>(
  points: readonly T[],
  getCost: (point: T) => number,
  getValue: (point: T) => number,
): T[] {
  const sorted = [...points].sort((a, b) => getCost(a) - getCost(b) || getValue(b) - getValue(a));
  const front: T[] = [];
  for (const point of sorted) {
    const last = front[front.length - 1];
    if (
      last === undefined ||
      getValue(point) > getValue(last) ||
      (getValue(point) === getValue(last) && getCost(point) === getCost(last))
    )
      front.push(point);
  }
  return front;
}
