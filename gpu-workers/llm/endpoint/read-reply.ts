import { z } from "zod";
import { joinThoughts, splitThoughts } from "@/core/episode/thoughts";

/**
 * Reads the reply of an OpenAI-compatible server. Servers differ in what they leave out, add or write in another form, so
 * whatever is not needed may be absent or odd; only a reply without any choice is none.
 */

/** A reply as it came. Whether it answers is for the caller to decide (`endpoint-client.ts`). */
export interface Reply {
  /** What the model wrote, without its thoughts. */
  text: string;
  /** The text as the server gave it: with the thoughts that it did not give apart. */
  content: string;
  /** All that the model wrote: with its thoughts, between `<think>` and `</think>` where they were given apart. */
  written: string;
  /** null: none were found. */
  thoughts: string | null;
  /** Whether the server gave a text at all, were it an empty one. */
  hasText: boolean;
  /** stop, length, content_filter, tool_calls, ...; null: the server does not say. */
  finish: string | null;
  /** The stop string that ended it, where the server says so (vLLM does). */
  stoppedAt: string | null;
  /** Why the model refused to answer, where the server gives that apart. */
  refusal: string | null;
  /** Tokens; null: the server does not say. */
  usage: { promptTokens: number; completionTokens: number } | null;
  /** Alternatives of the first token, where they were requested and given. */
  alternatives: TokenAlternative[];
}

export interface TokenAlternative {
  token: string;
  logprob: number;
}

/** OpenAI answers so where a model used all its tokens for thoughts that it does not show. */
export const OUT_OF_TOKENS = /model output limit was reached/;

/** What such an answer means. */
export const CUT_REPLY: Reply = {
  text: "",
  content: "",
  written: "",
  thoughts: null,
  hasText: false,
  finish: "length",
  stoppedAt: null,
  refusal: null,
  usage: null,
  alternatives: [],
};

const optionalTextSchema = z.string().nullish().catch(null);
const replySchema = z.object({
  choices: z.tuple([z.looseObject({})], z.unknown()),
  usage: z.unknown().optional(),
});
const choiceSchema = z.object({
  text: z.unknown().optional(),
  message: z.looseObject({}).nullish().catch(null),
  finish_reason: z.unknown().optional(),
  stop_reason: optionalTextSchema,
  logprobs: z.unknown().optional(),
});

/** @returns null for what is no reply */
export function readReply(body: unknown): Reply | null {
  const parsed = replySchema.safeParse(body);
  const choice = choiceSchema.safeParse(parsed.data?.choices[0]);
  if (!parsed.success || !choice.success) return null;
  const { message, finish_reason, stop_reason, logprobs } = choice.data;
  const content = readContent(message ? message.content : choice.data.text);
  if (content === null) return null;
  return buildReply({
    text: content.text,
    apart: [...content.thoughts, ...readThoughtFields(message ?? {})].join("\n\n").trim(),
    finish: readFinish(finish_reason, content.text),
    stoppedAt: stop_reason ?? null,
    refusal: optionalTextSchema.parse(message?.refusal) || null,
    usage: readUsage(parsed.data.usage),
    alternatives: readAlternatives(logprobs),
  });
}

/**
 * A reply from its parts.
 * @param parts `text`: null where none was given; `apart`: thoughts that stand beside it
 */
export function buildReply({
  text,
  apart,
  ...rest
}: { text: string | null; apart: string } & Pick<
  Reply,
  "finish" | "stoppedAt" | "refusal" | "usage" | "alternatives"
>): Reply {
  const own = splitThoughts(text ?? "");
  const given = apart === "" ? null : apart;
  return {
    text: own.text,
    content: text ?? "",
    written: joinThoughts(given, text ?? ""),
    thoughts: [given, own.thoughts].filter((each) => each !== null).join("\n\n") || null,
    hasText: text !== null,
    ...rest,
  };
}

/** A server that does not know the field at all leaves it out; then a text that came is whole. Case says nothing. */
function readFinish(finish: unknown, text: string | null): string | null {
  if (finish === undefined && text) return "stop";
  return typeof finish === "string" && finish !== "" ? finish.toLowerCase() : null;
}

const partSchema = z.looseObject({ type: z.string().nullish().catch(null) });

/** A text, or parts of one. @returns null for anything else; its `text` is null where there is none */
function readContent(content: unknown): { text: string | null; thoughts: string[] } | null {
  if (content === null || content === undefined) return { text: null, thoughts: [] };
  if (typeof content === "string") return { text: content, thoughts: [] };
  if (!Array.isArray(content)) return null;
  const texts: string[] = [];
  const thoughts: string[] = [];
  for (const item of content) {
    if (typeof item === "string") texts.push(item);
    const part = partSchema.safeParse(item).data;
    if (!part) continue;
    if (/think|reason/.test(part.type ?? "")) thoughts.push(...listTexts(part));
    else texts.push(...listTexts({ text: part.text }));
  }
  return { text: texts.length === 0 ? null : texts.join(""), thoughts };
}

/** Names under which servers give thoughts: vLLM and SGLang, OpenRouter and newer vLLM, Ollama. */
const THOUGHT_FIELDS = ["reasoning_content", "reasoning", "thinking"] as const;

/** Thoughts that stand beside the content. Servers repeat one text under several names, so the first counts. */
function readThoughtFields(message: Record<string, unknown>): string[] {
  const fields = [...THOUGHT_FIELDS.map((name) => message[name]), message.reasoning_details];
  return fields.map(listTexts).find((texts) => texts.join("").trim() !== "") ?? [];
}

/** The texts of a text, of a part of a message, or of a list of them. */
function listTexts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(listTexts);
  if (typeof value !== "object" || value === null) return [];
  const part = value as Record<string, unknown>;
  return ["text", "thinking", "reasoning", "content", "summary"].flatMap((name) =>
    listTexts(part[name]),
  );
}

/** A fraction is rounded; what is no number of tokens counts as not given. */
const tokensSchema = z.number().nonnegative().transform(Math.round).nullish().catch(null);
const usageSchema = z
  .object({ prompt_tokens: tokensSchema, completion_tokens: tokensSchema })
  .nullish()
  .catch(null);

/** Tokens of a reply, as its server counts them; null where it does not. */
export function readUsage(usage: unknown): Reply["usage"] {
  const { prompt_tokens = null, completion_tokens = null } = usageSchema.parse(usage) ?? {};
  if (prompt_tokens === null && completion_tokens === null) return null;
  return { promptTokens: prompt_tokens ?? 0, completionTokens: completion_tokens ?? 0 };
}

const alternativeSchema = z.object({ token: z.string(), logprob: z.number() });
const logprobsSchema = z
  .object({
    content: z
      .tuple([z.object({ top_logprobs: z.array(z.unknown()).nullish().catch(null) })], z.unknown())
      .nullish()
      .catch(null),
    /** As /completions gives them. */
    top_logprobs: z
      .tuple([z.record(z.string(), z.unknown())], z.unknown())
      .nullish()
      .catch(null),
  })
  .nullish()
  .catch(null);

/** Alternatives without a log-probability are left out; a server may give a token without any alternative. */
function readAlternatives(logprobs: unknown): TokenAlternative[] {
  const { content, top_logprobs } = logprobsSchema.parse(logprobs) ?? {};
  const named = Object.entries(top_logprobs?.[0] ?? {});
  const listed = content?.[0].top_logprobs ?? named.map(([token, logprob]) => ({ token, logprob }));
  return listed.flatMap((each) => alternativeSchema.safeParse(each).data ?? []);
}
