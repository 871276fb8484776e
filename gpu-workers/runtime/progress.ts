/** What is being done while a retriever opens, to be shown as a bar. */
export interface RetrieverProgress {
  phase: "reading" | "waiting" | "encoding" | "training" | "adding" | "saving" | "loading";
  done: number;
  total: number;
  detail: string;
}

/** What the encoder reads of a document. */
export function passageText({ title, text }: { title: string; text: string }): string {
  return title === "" ? text : `${title}\n${text}`;
}
