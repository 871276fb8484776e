import { fillQuestion } from "@/gpu-workers/llm/prompts/fill-question";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import { upstreamJudgePrompt } from "@/core/prompts/generating";
import type { Message } from "@/contracts/run-config/prompt";
import type { JudgedAnswer, JudgeKind, ReportUnread } from "./judge-kind";
import { formatNumpyArray, formatPythonList } from "./python-text";

/** The judge of the released code (`check_answer_correct` of `verl/utils/reward_score/rag_2.py`), with its defects. */

/** Tokens of a reply. */
export const UPSTREAM_VERDICT_TOKENS = 10;

/**
 * Upstream's prompt, or an edited one. Answer and gold answers stand in it as they are, line breaks and all; the gold answers
 * as Python writes a list in training, and an array of numpy in evaluation.
 */
export function createUpstreamJudgePrompt(
  edited: string | null,
  kind: Exclude<JudgeKind, "own">,
): { version: string; messages(item: JudgedAnswer): Message[] } {
  const template = createPromptTemplate(upstreamJudgePrompt, edited, "judge.promptTemplate");
  const formatGolds = kind === "upstream-training" ? formatPythonList : formatNumpyArray;
  return {
    version: kind === "upstream-training" ? `${template.version}-list` : template.version,
    messages: ({ golds, answer, ...asked }) =>
      template.fill({
        ...fillQuestion(template, asked, (line) => line),
        golds: formatGolds(golds),
        answer,
      }),
  };
}

/** "yes" anywhere in the reply is yes, also in "eyes"; else "no" anywhere is no, also in "know". Null: neither is in it. */
export function parseUpstreamVerdict(reply: string): boolean | null {
  const text = reply.toLowerCase();
  if (text.includes("yes")) return true;
  return text.includes("no") ? false : null;
}

/** Decides by the last reply to the same request; no where it says neither, which is reported. */
export function decideAsUpstream(
  replies: readonly string[],
  index = 0,
  onUnread?: ReportUnread,
): boolean {
  const last = replies.at(-1) ?? "";
  const verdict = parseUpstreamVerdict(last);
  if (verdict === null) onUnread?.(index, last);
  return verdict ?? false;
}
