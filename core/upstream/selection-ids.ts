/** The numbers of documents in a selection, as the released code reads them (`verl/utils/reward_score/rag_2.py`). Pure. */

/** Ids above it are never selected, whatever the size of the window. */
export const UPSTREAM_HIGHEST_ID = 8;

/** Ids of a selection's text: every run of digits of any script, from 1 to the highest, each once, in ascending order. */
export function parseUpstreamIds(content: string): number[] {
  const ids = (content.match(/\p{Nd}+/gu) ?? [])
    .map(readDigits)
    .filter((id) => id >= 1 && id <= UPSTREAM_HIGHEST_ID);
  return [...new Set(ids)].sort((a, b) => a - b);
}

/** Value of a run of decimal digits, each of any script: Unicode lists every script's ten digits in a row from zero. */
export const readDigits = (digits: string): number =>
  [...digits].reduce((value, digit) => value * 10 + readDigit(digit.codePointAt(0)!), 0);

function readDigit(codePoint: number): number {
  let start = codePoint;
  while (/\p{Nd}/u.test(String.fromCodePoint(start - 1))) start -= 1;
  return (codePoint - start) % 10;
}
