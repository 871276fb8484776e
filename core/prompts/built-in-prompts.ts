import type { MethodName, Protocol } from "@/contracts/records/episode";
import { findPromptId, type PromptContext, type PromptId } from "@/contracts/run-config/prompt";
import type { PromptSetting } from "@/contracts/run-config/prompt-settings";
import { cotPrompt, directPrompt, r1Prompt, sftPrompt } from "./answering";
import { chatPrompt, documentPrompt, judgePrompt, upstreamJudgePrompt } from "./generating";
import {
  deepRetrievalPrompt,
  ircotPrompt,
  ircotUpstreamPrompt,
  reasonInDocumentsPrompt,
  s3Prompt,
  searchO1Prompt,
  searchR1Prompt,
} from "./searching";
import type { PromptText } from "./prompt-text";

const PROMPTS: Readonly<Record<PromptId, PromptText>> = {
  direct: directPrompt,
  cot: cotPrompt,
  r1: r1Prompt,
  sft: sftPrompt,
  ircot: ircotPrompt,
  "ircot-upstream": ircotUpstreamPrompt,
  deepretrieval: deepRetrievalPrompt,
  "search-r1": searchR1Prompt,
  "search-o1": searchO1Prompt,
  "reason-in-documents": reasonInDocumentsPrompt,
  full: s3Prompt,
  chat: chatPrompt,
  document: documentPrompt,
  judge: judgePrompt,
  "judge-upstream": upstreamJudgePrompt,
};

/** The built-in prompt that is used where a setting is empty; null where there is none with these settings. */
export function findBuiltInPrompt(
  setting: PromptSetting,
  context: PromptContext,
): PromptText | null {
  const id = findPromptId(setting, context);
  return id && PROMPTS[id];
}

/** The built-in prompt of a method; null where the method asks no model. */
export const findMethodPrompt = (method: MethodName, protocol: Protocol): PromptText | null =>
  findBuiltInPrompt("methodSettings.promptTemplate", { method, protocol });

/** The built-in prompt by which a method condenses what it found; null where it does not. */
export const findCondensingPrompt = (method: MethodName): PromptText | null =>
  findBuiltInPrompt("methodSettings.condensingPrompt", { method });
