import { z } from "zod";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/retriever";
import { methodNameSchema } from "@/contracts/records/episode";
import { parseJson } from "./parse-json";

export const MAX_ANSWERERS = 4;

/** Who answers in a column: a method with an untrained model, or a run as it answers, with a checkpoint of it. */
const answererSchema = z.union([
  z.strictObject({ method: methodNameSchema.exclude(["gold"]) }),
  z.strictObject({ run: z.uuid(), checkpoint: z.uuid().optional() }),
]);
export type Answerer = z.infer<typeof answererSchema>;

/** What the page Ask shows. The address holds all of it. */
export interface AskState {
  question: string;
  /** Answer that counts as right; empty: nothing is scored. */
  expected: string;
  corpus: string;
  answerers: readonly Answerer[];
}

const DEFAULT_STATE: AskState = {
  question: "",
  expected: "",
  corpus: "atlas",
  answerers: [{ method: "s3" }, { method: "rag" }],
};

/** Reads the address; a part of another form takes its default. */
export function readAskParams(params: Pick<URLSearchParams, "get">): AskState {
  const answerers = z
    .array(answererSchema)
    .min(1)
    .max(MAX_ANSWERERS)
    .safeParse(parseJson(params.get("by") ?? ""));
  return {
    question: (params.get("q") ?? "").slice(0, MAX_QUERY_LENGTH),
    expected: (params.get("answer") ?? "").slice(0, 500),
    corpus: params.get("corpus") || DEFAULT_STATE.corpus,
    answerers: answerers.data ?? DEFAULT_STATE.answerers,
  };
}

/** Parameters of the address; null where the default is used. */
export const writeAskParams = (state: AskState): Record<string, string | null> => ({
  q: state.question || null,
  answer: state.expected || null,
  corpus: state.corpus === DEFAULT_STATE.corpus ? null : state.corpus,
  by: JSON.stringify(state.answerers),
});

/** Link to the page Ask. */
export function buildAskHref(change: Partial<AskState>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(writeAskParams({ ...DEFAULT_STATE, ...change })))
    if (value !== null) params.set(name, value);
  return `/playground/ask?${params}`;
}
