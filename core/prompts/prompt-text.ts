import { PROMPT_FORMS, type PromptForm, type PromptId } from "@/contracts/run-config/prompt";

/** A built-in prompt. A changed text needs a new version: the version is part of every cache key. */
export interface PromptText extends PromptForm {
  id: PromptId;
  version: number;
  /** Sections begin with a line `--- system ---`, `--- user ---` or `--- assistant ---`; a text without one is the user's. */
  text: string;
}

/** A built-in prompt, with the placeholders that its form asks for. */
export const definePrompt = (id: PromptId, version: number, text: string): PromptText => ({
  id,
  version,
  text,
  ...PROMPT_FORMS[id],
});
