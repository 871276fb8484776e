import type { MethodName, Protocol } from "../episode";
import { cotPrompt, directPrompt, r1Prompt, sftPrompt } from "./answering";
import { deepRetrievalPrompt, ircotPrompt, ircotUpstreamPrompt, s3Prompt, searchO1Prompt, searchR1Prompt } from "./searching";
import type { PromptText } from "./template";

/** The built-in prompt of a method, which a person may edit; null where the method asks no model. */
export function builtInPrompt(method: MethodName, protocol: Protocol): PromptText | null {
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
