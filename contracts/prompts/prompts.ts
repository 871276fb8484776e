import type { MethodName, Protocol } from "../episode";
import { cotPrompt, directPrompt, r1Prompt, sftPrompt } from "./answering";
import { deepRetrievalPrompt, ircotPrompt, ircotUpstreamPrompt, reasonInDocumentsPrompt, s3Prompt, searchO1Prompt, searchR1Prompt } from "./searching";
import type { PromptText } from "./template";

/** Settings of a method that hold the text of a prompt. */
export const PROMPT_SETTINGS = ["promptTemplate", "condensingPrompt"] as const;
export type PromptSetting = (typeof PROMPT_SETTINGS)[number];

/** The built-in prompt that stands where a setting is empty; null where the method has no such prompt. */
export function builtInPromptOf(setting: PromptSetting, method: MethodName, protocol: Protocol): PromptText | null {
  if (setting === "promptTemplate") return builtInPrompt(method, protocol);
  return method === "search-o1" ? reasonInDocumentsPrompt : null;
}

/** The built-in prompt of a method, which a person may edit; null where the method asks no model. */
function builtInPrompt(method: MethodName, protocol: Protocol): PromptText | null {
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
