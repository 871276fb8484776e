/** Settings that hold the text of a prompt, apart from their schemas: forms need no zod for them. */
export const PROMPT_SETTINGS = [
  "methodSettings.promptTemplate",
  "methodSettings.condensingPrompt",
  "searcher.promptTemplate",
  "generator.promptTemplate",
  "generator.documentTemplate",
  "judge.promptTemplate",
] as const;
export type PromptSetting = (typeof PROMPT_SETTINGS)[number];
