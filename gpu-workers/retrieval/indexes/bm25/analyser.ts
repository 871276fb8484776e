import { stemmer } from "stemmer";
import { forEachWord } from "./word-breaks";

/**
 * English analysis as Lucene's EnglishAnalyzer does it, which Pyserini's indexes are made with: standard tokens, the
 * possessive taken off, lower case, stop words dropped, Porter's stemmer with its author's two later rules.
 * Whatever changes terms adds a name, the newest first: indexes are found by it, and those of an older name are searched
 * as they were made. `english-1` has no emoji.
 */
export const ANALYSES = ["english-2", "english-1"] as const;
export type Analysis = (typeof ANALYSES)[number];
/** The analysis of indexes that are built now. */
export const ANALYSIS: Analysis = ANALYSES[0];

/** `forEachWord` by the rules of an analysis. */
export const forEachToken = (
  text: string,
  analysis: Analysis,
  token: (start: number, end: number) => void,
): void => forEachWord(text, token, analysis !== "english-1");

/** Stop words of Lucene's EnglishAnalyzer. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with".split(
    " ",
  ),
);

/** The term of a word as it stands in a text; null for a stop word. */
export function normaliseWord(word: string): string | null {
  const bare = /['\u2019\uff07][sS]$/.test(word) ? word.slice(0, -2) : word;
  // Character by character as Java does it, not by the place in the word.
  const lower = bare.replaceAll("\u03a3", "\u03c3").replaceAll("\u0130", "i").toLowerCase();
  if (lower === "" || STOP_WORDS.has(lower)) return null;
  return lower.length < 3 ? lower : stemmer(lower);
}

/** Words that are remembered before the memory starts anew, so that odd corpora cannot fill it. */
const CACHED_WORDS = 200_000;

const termByWord = new Map<string, string | null>();

function normaliseWordCached(word: string): string | null {
  let term = termByWord.get(word);
  if (term === undefined) {
    term = normaliseWord(word);
    if (termByWord.size >= CACHED_WORDS) termByWord.clear();
    termByWord.set(word, term);
  }
  return term;
}

/** Terms of a text in order, stop words left out. */
export function analyse(text: string, analysis = ANALYSIS): string[] {
  return analysePositions(text, analysis).filter((term) => term !== null);
}

/** Terms of a text by position; null where a stop word stood, so that phrases keep their gaps. */
export function analysePositions(text: string, analysis = ANALYSIS): (string | null)[] {
  const terms: (string | null)[] = [];
  forEachToken(text, analysis, (start, end) =>
    terms.push(normaliseWordCached(text.slice(start, end))),
  );
  return terms;
}
