import { DEFAULT_ASK_STATE, type Answerer, type AskState } from "@/app/_lib/ask-link";
import { parseJson } from "@/app/_lib/config/parse-json";
import { isUuid } from "@/app/_lib/uuid";
import type { MethodName } from "@/contracts/records/episode";
import { METHOD_NAMES } from "@/contracts/records/method-names";
import { MAX_QUERY_LENGTH } from "@/contracts/run-config/query-length";

export const MAX_ANSWERERS = 4;

const isAnswering = (method: MethodName): method is Exclude<MethodName, "gold"> =>
  method !== "gold";
/** The methods that answer a question: all but the ceiling, which is handed the evidence. */
export const ANSWERING_METHODS = METHOD_NAMES.filter(isAnswering);

/** Who answers, as the address says it; null where that is of another form. Without schemas, so that the form answers sooner. */
function readAnswerer(value: unknown): Answerer | null {
  if (typeof value !== "object" || value === null) return null;
  const { method, run, checkpoint, ...rest } = value as Record<string, unknown>;
  if (Object.keys(rest).length > 0) return null;
  const known = ANSWERING_METHODS.find((name) => name === method);
  if (known !== undefined)
    return run === undefined && checkpoint === undefined ? { method: known } : null;
  if (method !== undefined || typeof run !== "string" || !isUuid(run)) return null;
  if (checkpoint === undefined) return { run };
  return typeof checkpoint === "string" && isUuid(checkpoint) ? { run, checkpoint } : null;
}

/** Null where not every one can be read, or there are none or too many. */
function readAnswerers(value: unknown): readonly Answerer[] | null {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_ANSWERERS) return null;
  const read = value.map(readAnswerer);
  return read.every((answerer) => answerer !== null) ? read : null;
}

/** Reads the address; a part of another form takes its default. */
export const readAskParams = (params: Pick<URLSearchParams, "get">): AskState => ({
  question: (params.get("q") ?? "").slice(0, MAX_QUERY_LENGTH),
  expected: (params.get("answer") ?? "").slice(0, 500),
  corpus: params.get("corpus") || DEFAULT_ASK_STATE.corpus,
  answerers: readAnswerers(parseJson(params.get("by") ?? "")) ?? DEFAULT_ASK_STATE.answerers,
});
