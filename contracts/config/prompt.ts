import { z } from "zod";
import { promptProblems, type PromptText } from "../prompts/template";

/** A person's text of a prompt; null: the built-in one. */
export const promptText = z.string().max(50_000).nullable().default(null);

/** What is wrong with a setting that holds a prompt's text, `builtIn` null where there is no such prompt; empty where nothing is. */
export function editedPromptProblems(builtIn: PromptText | null, edited: string | null): string[] {
  if (edited === null) return [];
  return builtIn === null ? ["there is no such prompt with these settings: leave it empty"] : promptProblems(builtIn, edited);
}
