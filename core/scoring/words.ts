/** Words of a text as SQuAD's evaluation compares them. */

/** Python's string.punctuation, which SQuAD's normalisation strips; other scripts' punctuation stays. */
const PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g;
/** Word boundaries as Python sees them (letters and digits of any script), where JavaScript's \b knows ASCII only. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
/** What Python's str.split() splits at. */
const WHITESPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/**
 * SQuAD's answer normalisation (Rajpurkar et al. 2016), as upstream applies it: lower case, then punctuation, then
 * articles removed, then white space collapsed.
 * @returns the remaining words.
 */
export function normaliseWords(text: string): string[] {
  const bare = text.toLowerCase().replace(PUNCTUATION, "").replace(ARTICLES, " ");
  return bare.split(WHITESPACE).filter((word) => word !== "");
}

/** Whether the words of `part`, which is not empty, follow each other in `words`. */
export function containsWords(words: readonly string[], part: readonly string[]): boolean {
  if (part.length === 0) return false;
  for (let start = 0; start + part.length <= words.length; start++) {
    if (part.every((word, i) => words[start + i] === word)) return true;
  }
  return false;
}
