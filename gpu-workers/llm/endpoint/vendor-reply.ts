import type { createAnthropic } from "@ai-sdk/anthropic";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import type { CompletionBody } from "./completion-body";
import { buildReply, type Reply } from "./read-reply";

/** A model as the AI SDK's providers give it. One call is one HTTP request: their retries are elsewhere and not used. */
export type VendorModel = ReturnType<ReturnType<typeof createAnthropic>>;

/** From our requests to those of the AI SDK's providers, and from what they read back to our replies. */

type CallOptions = Parameters<VendorModel["doGenerate"]>[0];
type Generated = Awaited<ReturnType<VendorModel["doGenerate"]>>;

/** Our names of parameters, by those of the AI SDK. */
const NAMES: Readonly<Record<string, string>> = {
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  seed: "seed",
  stopSequences: "stop",
};

/** What a provider is called with. The body holds nothing that its dialect lacks (`vendor-limits.ts`). */
export function buildCallOptions(body: CompletionBody): CallOptions {
  const { messages } = body as Extract<CompletionBody, { messages: unknown }>;
  const { temperature, top_p, top_k, seed, stop } = body;
  return {
    prompt: messages.map(toPromptMessage),
    maxOutputTokens: body.max_tokens,
    ...(temperature !== undefined && { temperature }),
    ...(top_p !== undefined && { topP: top_p }),
    ...(top_k !== undefined && { topK: top_k }),
    ...(seed !== undefined && { seed }),
    ...(stop !== undefined && { stopSequences: [...stop] }),
  };
}

function toPromptMessage({
  role,
  content,
}: {
  role: string;
  content: string;
}): CallOptions["prompt"][number] {
  if (role === "system") return { role, content };
  if (role !== "user" && role !== "assistant")
    throw new AppError("internal", `A message of role ${role} has no place in a chat.`);
  return { role, content: [{ type: "text", text: content }] };
}

/**
 * Which parameters the library left out, in our names.
 * @throws AppError "unsupported" where it changed the request in another way: the reply would be of another question
 */
export function listIgnored(warnings: Generated["warnings"]): string[] {
  return warnings.map((warning) => {
    const name = warning.type === "unsupported" ? NAMES[warning.feature] : undefined;
    if (name !== undefined) return name;
    const said = "message" in warning ? warning.message : (warning.details ?? warning.feature);
    throw new AppError("unsupported", `The request cannot be made as this run sets it: ${said}`);
  });
}

/** How whole replies end, by each vendor's word. Every other end is none: a refusal, a filter, a pause, a tool. */
const ENDS: Readonly<Record<string, "stop" | "length">> = {
  end_turn: "stop",
  stop_sequence: "stop",
  STOP: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  MAX_TOKENS: "length",
};

const endMetadataSchema = z
  .object({
    stopSequence: z.string().nullish().catch(null),
    stopDetails: z.unknown().optional(),
  })
  .catch({});

/** Reads what a provider read. */
export function readVendorReply({
  content,
  finishReason,
  usage,
  providerMetadata = {},
}: Generated): Reply {
  const list = (kind: "text" | "reasoning"): string[] =>
    content.flatMap((part) => (part.type === kind ? [part.text] : []));
  const raw = finishReason.raw ?? null;
  const { anthropic, bedrock } = providerMetadata;
  const { stopSequence, stopDetails } = endMetadataSchema.parse(anthropic ?? bedrock ?? {});
  const texts = list("text");
  const { total: promptTokens } = usage.inputTokens;
  const { total: completionTokens } = usage.outputTokens;
  return buildReply({
    text: texts.length === 0 ? null : texts.join(""),
    apart: list("reasoning").join("\n\n").trim(),
    finish: raw === null ? null : (ENDS[raw] ?? raw),
    stoppedAt: stopSequence ?? null,
    refusal:
      finishReason.unified === "content-filter"
        ? `${raw}${stopDetails ? ` ${JSON.stringify(stopDetails)}` : ""}`
        : null,
    usage:
      promptTokens === undefined && completionTokens === undefined
        ? null
        : { promptTokens: promptTokens ?? 0, completionTokens: completionTokens ?? 0 },
    alternatives: [],
  });
}

const retryInfoSchema = z.object({
  error: z.object({
    details: z.array(z.looseObject({ retryDelay: z.string().optional() })),
  }),
});

/** Seconds that Google's error asks to wait (`google.rpc.RetryInfo`), as a Retry-After header has them; null: none. */
export function readRetryInfo(body: unknown): string | null {
  const details = retryInfoSchema.safeParse(body).data?.error.details ?? [];
  const delay = details.find(({ retryDelay }) => retryDelay !== undefined)?.retryDelay;
  return /^(\d+(?:\.\d+)?)s$/.exec(delay ?? "")?.[1] ?? null;
}
