import type { MethodName } from "@/contracts/records/episode";

/** Links to the page Ask. They need no schemas, which are a sixth of a page's JavaScript. */

/** Who answers in a column: a method with an untrained model, or a run as it answers, with a checkpoint of it. */
export type Answerer =
  { method: Exclude<MethodName, "gold"> } | { run: string; checkpoint?: string | undefined };

/** What the page Ask shows. The address holds all of it. */
export interface AskState {
  question: string;
  /** Answer that counts as right; empty: nothing is scored. */
  expected: string;
  corpus: string;
  answerers: readonly Answerer[];
}

export const DEFAULT_ASK_STATE: AskState = {
  question: "",
  expected: "",
  corpus: "atlas",
  answerers: [{ method: "s3" }, { method: "rag" }],
};

/** Parameters of the address; null where the default is used. */
export const writeAskParams = (state: AskState): Record<string, string | null> => ({
  q: state.question || null,
  answer: state.expected || null,
  corpus: state.corpus === DEFAULT_ASK_STATE.corpus ? null : state.corpus,
  by: JSON.stringify(state.answerers),
});

/** Link to the page Ask. */
export function buildAskHref(change: Partial<AskState>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(writeAskParams({ ...DEFAULT_ASK_STATE, ...change })))
    if (value !== null) params.set(name, value);
  return `/playground/ask?${params}`;
}
