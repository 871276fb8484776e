import { containsWords, normaliseWords } from "./words";

/** A token of Pyserini's SimpleTokenizer: a run of letters, digits and marks, or any other visible character. */
const TOKEN = /[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]/gu;

function tokenise(text: string): string[] {
  const normalised = normaliseWords(text).join(" ").normalize("NFD");
  return (normalised.match(TOKEN) ?? []).map((token) => token.toLowerCase());
}

/**
 * 1 where the released code finds a gold answer in the prediction, else 0: both in SQuAD's normalisation, then cut by
 * Pyserini's tokenizer (`answer_span_check` of `verl/utils/reward_score/rag_2.py`). Its defects are kept: ASCII punctuation
 * is deleted, so 1.5 is 15, -5 is 5 and 1990-1995 holds no 1990; other signs are tokens, so a typographic apostrophe is
 * not an ASCII one; full-width forms and Chinese texts without spaces match as a whole only; and a gold answer of which
 * nothing is left (an article, a sign, an empty one) is found in every prediction.
 */
export function scoreUpstreamSpan(prediction: string, golds: readonly string[]): 0 | 1 {
  const tokens = tokenise(prediction);
  return golds.some((gold) => {
    const wanted = tokenise(gold);
    return wanted.length === 0 || containsWords(tokens, wanted);
  })
    ? 1
    : 0;
}
