/** Escapes text of documents, questions and models that is put into a prompt. */

/**
 * Breaks the marker of special tokens, so that the text cannot end a chat turn. Protocol tags need no escape, because only
 * the searcher's own text is parsed.
 */
export const escapeSpecialTokens = (text: string): string => text.replaceAll("<|", "< |");

/** Escapes a text and joins it into one line. */
export const escapeToOneLine = (text: string): string =>
  escapeSpecialTokens(text).replace(/\s+/g, " ").trim();
