/** Text of documents, questions and models within a prompt. */

/** With the special-token marker broken: it cannot end a chat turn. (Protocol tags in it are harmless: the searcher's text alone is parsed.) */
export const escapeSpecialTokens = (text: string): string => text.replaceAll("<|", "< |");

/** The same on one line. */
export const escapeToOneLine = (text: string): string =>
  escapeSpecialTokens(text).replace(/\s+/g, " ").trim();
