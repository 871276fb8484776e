import { AppError } from "@/contracts/errors";
import type { Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";

/**
 * What the released code cuts, in tokens (scripts/train/train_s3.sh and s3/llm_agent/generation_s3.py). What it refuses or
 * skips because of these limits is an error here. Pure.
 */
export const UPSTREAM_LIMITS = {
  /** A later window or the request for another try: its end is lost, closing tag and last documents first. */
  observation: 1400,
  /** The conversation as the searcher reads it: its beginning is lost. A first prompt beyond it is refused. */
  conversation: 8000,
  /** The first prompt as it is kept for reward and update: its beginning is lost. */
  keptPrompt: 2000,
  /** What follows the first prompt, for reward and update: its end is lost. */
  keptResponse: 8000,
} as const;

/** A later window as the searcher reads it, with its text where that was cut. */
export function cutObservation(
  text: string,
  tokenizer: Pick<Tokenizer, "encode" | "decode">,
): { text: string; ids: number[] } {
  const ids = tokenizer.encode(text);
  if (ids.length <= UPSTREAM_LIMITS.observation) return { text, ids };
  const kept = ids.slice(0, UPSTREAM_LIMITS.observation);
  return { text: tokenizer.decode(kept), ids: kept };
}

/** The conversation's text from the first window on, without what the reward does not see of it. */
export function cutConversation(
  first: string,
  rest: { text: string; ids: readonly number[] },
  tokenizer: Pick<Tokenizer, "decode">,
): string {
  const { keptResponse } = UPSTREAM_LIMITS;
  return (
    first +
    (rest.ids.length <= keptResponse
      ? rest.text
      : tokenizer.decode(rest.ids.slice(0, keptResponse)))
  );
}

/**
 * Refuses a first prompt that the released code refuses to load, and in training one of which it keeps less than
 * question and window: scoring it fails there, and the whole batch is skipped.
 *
 * @param tail the prompt from its question on
 * @throws AppError "invalid-input"
 */
export function checkUpstreamPrompt(
  questionId: string,
  prompt: { ids: readonly number[] },
  tail: string,
  training: boolean,
  tokenizer: Pick<Tokenizer, "encode">,
): void {
  const { conversation, keptPrompt } = UPSTREAM_LIMITS;
  if (prompt.ids.length > conversation)
    throw new AppError(
      "invalid-input",
      `The first prompt of question ${questionId} takes ${prompt.ids.length} tokens; the released code reads ${conversation} and refuses more. Shorten the prompt or the passages, or set search.protocol to paper.`,
    );
  const kept = training ? tokenizer.encode(tail).length : 0;
  if (kept > keptPrompt)
    throw new AppError(
      "invalid-input",
      `Question ${questionId} and its first window take ${kept} tokens; the released code keeps ${keptPrompt} for the reward and skips every batch with a longer one. Use shorter passages, or set search.protocol to paper.`,
    );
}
