import { z } from "zod";
import { parseJsonOrNull } from "@/lib/json";

/**
 * Parameters of a request that a server refuses. Models differ in what they accept (reasoning models take neither
 * `max_tokens` nor a temperature), and say so only when they are asked. Such a parameter is left out or replaced, the
 * request is sent again, and later requests to the same model leave it out from the start.
 */

/**
 * What may be left out, in the order in which it is tried, and what goes with it. None of them changes what is asked,
 * unless the run's settings ask for it.
 */
const OPTIONAL_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  top_logprobs: ["logprobs"],
  logprobs: ["top_logprobs"],
  seed: [],
  top_p: [],
  stop: [],
  temperature: [],
};
/** What is sent in place of another. */
const REPLACEMENTS: Readonly<Record<string, string>> = { max_tokens: "max_completion_tokens" };

/** A value that is too large or small is no reason to send it under another name, unless the server says so. */
const OUT_OF_RANGE =
  /too (?:large|high|long|big|many|small)|exceed|at most|at least|m(?:ax|in)imum/i;
const SAYS_REPLACEMENT = /use\W{1,3}max_completion_tokens|max_completion_tokens\W{1,3}instead/i;

type Body = Readonly<Record<string, unknown>>;

const refusedByModel = new Map<string, Set<string>>();

/** The parameters that a model at an endpoint has refused. Shared by all clients of this process. */
export function getRefusedParameters(endpoint: string, model: string): Set<string> {
  const key = JSON.stringify([endpoint, model]);
  let refused = refusedByModel.get(key);
  if (!refused) refusedByModel.set(key, (refused = new Set()));
  return refused;
}

/**
 * The body without what was refused, or with what takes its place.
 * @param set what is never left out
 */
export const adaptBody = (
  body: Body,
  refused: ReadonlySet<string>,
  set: Readonly<Record<string, string>> = {},
): Body =>
  Object.fromEntries(
    Object.entries(body).flatMap(([name, value]) => {
      if (!refused.has(name) || name in set) return [[name, value]];
      const replacement = REPLACEMENTS[name];
      return replacement === undefined ? [] : [[replacement, value]];
    }),
  );

/**
 * Which parameters of the body that was sent a server refuses, by its reply.
 * @returns empty where it refuses the request for another reason
 */
export function findRefusedParameters(status: number, text: string, sent: Body): string[] {
  if (status !== 400 && status !== 422) return [];
  const { message, places } = readRefusal(text);
  const isNamed = (name: string): boolean => isNamedIn({ message, places }, name, sent);
  for (const [name, companions] of Object.entries(OPTIONAL_PARAMETERS))
    if (isNamed(name)) return [name, ...companions].filter((each) => each in sent);
  const isUnknown = SAYS_REPLACEMENT.test(message) || !OUT_OF_RANGE.test(message);
  return Object.keys(REPLACEMENTS).filter((name) => isUnknown && isNamed(name));
}

/**
 * Why a server refuses a value that the run's settings ask for; null where it does not.
 * @param set parameters that may not be left out, each with its setting
 */
export function explainRefusedSetting(
  status: number,
  text: string,
  sent: Body,
  set: Readonly<Record<string, string>>,
): string | null {
  if (status !== 400 && status !== 422) return null;
  const refusal = readRefusal(text);
  const refused = Object.keys(set).filter((name) => isNamedIn(refusal, name, sent));
  if (refused.length === 0) return null;
  const values = refused.map((name) => `${name} ${JSON.stringify(sent[name])} (${set[name]})`);
  return `it refuses ${values.join(", ")}, which this run sets: leave the setting at its default, or ask another server; status ${status}: ${text.slice(0, 300)}`;
}

/** Why parameters that a dialect cannot say may not be left out: the run's settings ask for them; null where they may. */
export function explainUnsayable(
  dialect: string,
  names: readonly string[],
  set: Readonly<Record<string, string>>,
): string | null {
  const asked = names.filter((name) => name in set).map((name) => `${name} (${set[name]})`);
  return asked.length === 0
    ? null
    : `the dialect ${dialect} or this model has no ${asked.join(", ")}, which this run sets: leave the setting at its default, or ask another server`;
}

const isNamedIn = (
  { message, places }: ReturnType<typeof readRefusal>,
  name: string,
  sent: Body,
): boolean => name in sent && (places.length > 0 ? places.includes(name) : mentions(message, name));

/** For messages: "temperature, max_tokens (sent as max_completion_tokens)". */
export const describeRefused = (refused: ReadonlySet<string>): string =>
  [...refused]
    .map((name) => (REPLACEMENTS[name] ? `${name} (sent as ${REPLACEMENTS[name]})` : name))
    .join(", ");

const wordsSchema = z.string().nullish().catch(null);
const placeSchema = z.object({
  loc: z.array(z.union([z.string(), z.number()])).min(1),
  msg: wordsSchema,
});
const errorSchema = z.object({ message: wordsSchema, param: wordsSchema }).nullish().catch(null);
const refusalSchema = z
  .object({
    error: z.unknown().optional(),
    message: z.unknown().optional(),
    detail: z.unknown().optional(),
  })
  .catch({ error: null, message: null, detail: null });

/**
 * The words of a refusal, and the parameters that it names as data: `param` as OpenAI has it, `loc` as FastAPI. The rest
 * of a reply is not read, because some servers repeat the whole request in it.
 */
function readRefusal(text: string): { message: string; places: string[] } {
  const body = parseJsonOrNull(text);
  const { error, message, detail } = refusalSchema.parse(Array.isArray(body) ? body[0] : body);
  const inMessage = refusalSchema.parse(message);
  const details = [detail, inMessage.detail].flat().map((each) => placeSchema.safeParse(each).data);
  const found = errorSchema.parse(error);
  const named = [found?.param, ...details.map((each) => each?.loc.at(-1))];
  const words = [found?.message, error, message, detail, ...details.map((each) => each?.msg)];
  return {
    message: body === null ? text : words.filter((each) => typeof each === "string").join(" "),
    places: named.flatMap((each) => (each ? [String(each).split(".").at(-1)!] : [])),
  };
}

/** Whether a message names a parameter, also as its first word: an ordinary word only between quotation marks. */
const mentions = (message: string, name: string): boolean =>
  new RegExp(name === "stop" ? "[\"'`]stop[\"'`]" : `(?<!\\w)${name}(?!\\w)`, "i").test(message);
