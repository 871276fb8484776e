import type { MethodName, Protocol } from "@/contracts/records/episode";
import { cotPrompt, directPrompt, r1Prompt, sftPrompt } from "./answering";
import { chatPrompt, judgePrompt } from "./generating";
import {
  deepRetrievalPrompt,
  ircotPrompt,
  ircotUpstreamPrompt,
  reasonInDocumentsPrompt,
  s3Prompt,
  searchO1Prompt,
  searchR1Prompt,
} from "./searching";
import type { PromptText } from "./template";

/** Settings that hold the text of a prompt; null in one of them: the built-in text. */
export const PROMPT_SETTINGS = [
  "methodSettings.promptTemplate",
  "methodSettings.condensingPrompt",
  "generator.promptTemplate",
  "judge.promptTemplate",
] as const;
export type PromptSetting = (typeof PROMPT_SETTINGS)[number];

/** The built-in prompt that stands where a setting is empty; null where none does. */
export function builtInPromptOf(
  setting: PromptSetting,
  {
    method,
    protocol,
    promptStyle,
  }: { method: MethodName | null; protocol: Protocol; promptStyle: string },
): PromptText | null {
  switch (setting) {
    case "methodSettings.promptTemplate":
      return method && methodPrompt(method, protocol);
    case "methodSettings.condensingPrompt":
      return method && condensingPrompt(method);
    case "generator.promptTemplate":
      return promptStyle === "chat" ? chatPrompt : null;
    case "judge.promptTemplate":
      return judgePrompt;
  }
}

/** The built-in prompt by which a method condenses what it found; null where it does not. */
export const condensingPrompt = (method: MethodName): PromptText | null =>
  method === "search-o1" ? reasonInDocumentsPrompt : null;

/** The built-in prompt of a method, which a person may edit; null where the method asks no model. */
export function methodPrompt(method: MethodName, protocol: Protocol): PromptText | null {
  switch (method) {
    case "rag":
    case "gold":
      return null;
    case "s3":
      return s3Prompt;
    case "direct":
      return directPrompt;
    case "cot":
      return cotPrompt;
    case "r1":
      return r1Prompt;
    case "sft":
      return sftPrompt;
    case "ircot":
      return protocol === "upstream" ? ircotUpstreamPrompt : ircotPrompt;
    case "deepretrieval":
      return deepRetrievalPrompt;
    case "search-r1":
      return searchR1Prompt;
    case "search-o1":
      return searchO1Prompt;
  }
}
