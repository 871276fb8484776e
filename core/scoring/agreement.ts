/** Agreement of two verdicts on the same answers: the judge with the span rule, or with a person. Pure. */

/** Counts of answers by two yes/no verdicts. */
export interface Agreement {
  bothYes: number;
  /** Only the first is yes. */
  firstOnly: number;
  /** Only the second is yes. */
  secondOnly: number;
  bothNo: number;
}

export function countAgreement(
  pairs: Iterable<readonly [first: boolean, second: boolean]>,
): Agreement {
  const counts: Agreement = { bothYes: 0, firstOnly: 0, secondOnly: 0, bothNo: 0 };
  for (const [first, second] of pairs)
    counts[first ? (second ? "bothYes" : "firstOnly") : second ? "secondOnly" : "bothNo"] += 1;
  return counts;
}

const countPairs = ({ bothYes, firstOnly, secondOnly, bothNo }: Agreement): number =>
  bothYes + firstOnly + secondOnly + bothNo;

/** Share on which both agree, 0..1; null without any pair. */
export const computeObservedAgreement = (counts: Agreement): number | null =>
  countPairs(counts) === 0 ? null : (counts.bothYes + counts.bothNo) / countPairs(counts);

/**
 * Cohen's kappa (1960) of two raters with two verdicts: (observed - expected) / (1 - expected). Null where it is not
 * defined: without a pair, or where both raters gave one and the same verdict throughout (expected agreement 1).
 */
export function computeCohenKappa(counts: Agreement): number | null {
  const n = countPairs(counts);
  const observed = computeObservedAgreement(counts);
  if (observed === null) return null;
  const first = (counts.bothYes + counts.firstOnly) / n;
  const second = (counts.bothYes + counts.secondOnly) / n;
  const expected = first * second + (1 - first) * (1 - second);
  return expected === 1 ? null : (observed - expected) / (1 - expected);
}
