import { stemmer } from "stemmer";
import { forEachWord } from "./word-breaks";

/**
 * English analysis as Lucene's EnglishAnalyzer does it, which Pyserini's indexes are made with: standard tokens, the
 * possessive taken off, lower case, stop words dropped, Porter's stemmer with its author's two later rules.
 * Whatever changes terms must change this name: indexes are found by it.
 */
export const ANALYSIS = "english-1";

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

/** Words remembered by a `TermMemo` before it starts anew, so that odd corpora cannot fill the memory. */
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
export function analyse(text: string): string[] {
  return analysePositions(text).filter((term) => term !== null);
}

/** Terms of a text by position; null where a stop word stood, so that phrases keep their gaps. */
export function analysePositions(text: string): (string | null)[] {
  const terms: (string | null)[] = [];
  forEachWord(text, (start, end) => terms.push(normaliseWordCached(text.slice(start, end))));
  return terms;
}
