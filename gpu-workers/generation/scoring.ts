import type { Score } from "@/contracts/episode";
import type { ScorerName } from "@/contracts/run-config";

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
export function normalisedWords(text: string): string[] {
  const bare = text.toLowerCase().replace(PUNCTUATION, "").replace(ARTICLES, " ");
  return bare.split(WHITESPACE).filter((word) => word !== "");
}

/** 1 where the words of a gold answer follow each other in the prediction's words, else 0. */
export function spanAccuracy(prediction: string, golds: readonly string[]): 0 | 1 {
  const words = normalisedWords(prediction);
  return golds.some((gold) => contains(words, normalisedWords(gold))) ? 1 : 0;
}

/** 1 where prediction and a gold answer are equal after normalisation, else 0. */
export function exactMatch(prediction: string, golds: readonly string[]): 0 | 1 {
  const words = normalisedWords(prediction).join(" ");
  return golds.some((gold) => normalisedWords(gold).join(" ") === words) ? 1 : 0;
}

function contains(words: readonly string[], part: readonly string[]): boolean {
  if (part.length === 0) return false;
  for (let start = 0; start + part.length <= words.length; start++) {
    if (part.every((word, i) => words[start + i] === word)) return true;
  }
  return false;
}

const SCORERS: Record<ScorerName, { version: number; score: (prediction: string, golds: readonly string[]) => 0 | 1 }> = {
  span: { version: 1, score: spanAccuracy },
  "exact-match": { version: 1, score: exactMatch },
};

/** Scores one answer; the scorer's version travels with the value. */
export function scoreAnswer(scorer: ScorerName, prediction: string, golds: readonly string[]): Score {
  const { version, score } = SCORERS[scorer];
  return { scorer: `${scorer}/${version}`, value: score(prediction, golds) };
}
