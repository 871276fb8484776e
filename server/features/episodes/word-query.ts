/** Separates words as the database's `extract_words` does: punctuation, symbols, spaces. */
const SEPARATORS =
  /[\s!-/:-@[-`{-~\u00A0-\u00BF\u2000-\u206F\u3000-\u303F\u30FB\uFF00-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65]+/u;
const UNSPACED =
  /([\u3040-\u30FA\u30FC-\u30FF\u3400-\u4DBF\u4E00-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF]+)/u;

/** The words that a text is searched by; of Chinese, Japanese and Korean every two neighbouring characters. */
export const splitSearchWords = (text: string): string[] =>
  text
    .split(SEPARATORS)
    .flatMap((word) => word.split(UNSPACED))
    .filter((part) => part !== "")
    .flatMap((part) => (UNSPACED.test(part) ? listPairs(part) : [part]));

function listPairs(characters: string): string[] {
  const { length } = characters;
  if (length === 1) return [characters];
  return Array.from({ length: length - 1 }, (_, i) => characters.slice(i, i + 2));
}

/**
 * A query for `to_tsquery`: every word of the text begins a word of what is searched.
 *
 * @param weights which parts of a tsvector count, e.g. "AB"; empty: all
 * @returns null where the text holds no word
 */
export function buildWordQuery(text: string, weights = ""): string | null {
  const words = [...new Set(splitSearchWords(text))];
  return words.length === 0 ? null : words.map((word) => `'${word}':*${weights}`).join(" & ");
}
