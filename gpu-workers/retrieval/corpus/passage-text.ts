/**
 * The text of a document as encoders, rerankers and BM25 read it: the title on a line of its own, then the text.
 * Part of every index: a change makes all of them stale.
 */
export function formatPassage({ title, text }: { title: string; text: string }): string {
  return title === "" ? text : `${title}\n${text}`;
}
