import { z } from "zod";
import { DEFAULT_ASK_STATE, type AskState } from "@/app/_lib/ask-link";
import { parseJson } from "@/app/_lib/parse-json";
import { methodNameSchema } from "@/contracts/records/episode";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";

export const MAX_ANSWERERS = 4;

const answererSchema = z.union([
  z.strictObject({ method: methodNameSchema.exclude(["gold"]) }),
  z.strictObject({ run: z.uuid(), checkpoint: z.uuid().optional() }),
]);

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
    corpus: params.get("corpus") || DEFAULT_ASK_STATE.corpus,
    answerers: answerers.data ?? DEFAULT_ASK_STATE.answerers,
  };
}
