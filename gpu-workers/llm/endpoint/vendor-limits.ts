import type { VendorDialect } from "@/contracts/run-config/model";
import { AppError } from "@/contracts/errors";

/** What a vendor's dialect cannot say, known before anything is sent. */

type Body = Readonly<Record<string, unknown>>;

/** Parameters that have no place in a dialect. Bedrock's Converse has no top k of its own. */
const LACKING: Readonly<Record<"claude" | "bedrock" | "gemini", readonly string[]>> = {
  claude: ["logprobs", "top_logprobs", "seed", "repetition_penalty"],
  bedrock: ["logprobs", "top_logprobs", "seed", "repetition_penalty", "top_k"],
  gemini: ["logprobs", "top_logprobs", "repetition_penalty"],
};

/** Most stop strings that Gemini takes. */
const GEMINI_STOPS = 5;

/** Whether Vertex AI is asked for a model of Anthropic, whose requests have another form than Gemini's. */
export const isClaude = (model: string): boolean => /^claude/i.test(model);

const chooseForm = (dialect: VendorDialect, model: string): keyof typeof LACKING => {
  if (dialect === "bedrock" || dialect === "gemini") return dialect;
  return dialect === "anthropic" || isClaude(model) ? "claude" : "gemini";
};

/**
 * Which parameters of a body the dialect cannot say: they are left out, or, where the run's settings ask for them,
 * refused. A text is then cut at its stop strings here.
 */
export function listLacking(dialect: VendorDialect, model: string, body: Body): string[] {
  const form = chooseForm(dialect, model);
  const stops = Array.isArray(body.stop) ? (body.stop as string[]) : [];
  // Anthropic refuses stop strings without a letter.
  const cannotStop =
    form === "gemini" ? stops.length > GEMINI_STOPS : stops.some((stop) => stop.trim() === "");
  return [...LACKING[form], ...(cannotStop ? ["stop"] : [])].filter((name) => name in body);
}

/** @throws AppError "unsupported" for a request that the dialect would only understand as another one */
export function requireSayable(dialect: VendorDialect, model: string, body: Body): void {
  const form = chooseForm(dialect, model);
  if (!("messages" in body))
    throw new AppError(
      "unsupported",
      `The dialect ${dialect} has only chats, no completions of a prompt. Use the prompt style or interface "chat".`,
    );
  const messages = body.messages as { role: string }[];
  if (messages.at(-1)?.role === "assistant")
    throw new AppError(
      "unsupported",
      `The dialect ${dialect} cannot go on with a turn that the assistant has begun. Ask an OpenAI-compatible server that can (vLLM, SGLang).`,
    );
  if (form !== "gemini" && typeof body.temperature === "number" && body.temperature > 1)
    throw new AppError(
      "unsupported",
      `The dialect ${dialect} takes temperatures up to 1, not ${body.temperature} (methodSettings.temperature).`,
    );
}
