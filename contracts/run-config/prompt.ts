import { z } from "zod";
import { promptProblems, type PromptText } from "./prompts/template";

/** A person's text of a prompt; null: the built-in one. */
export const promptTextSchema = z.string().max(50_000).nullable().default(null);

/** Refuses a setting that holds a prompt's text where that is wrong, or where there is no such prompt (`builtIn` null). */
export function checkPrompt(
  context: z.RefinementCtx,
  path: string[],
  builtIn: PromptText | null,
  edited: string | null,
): void {
  if (edited === null) return;
  const problems =
    builtIn === null
      ? ["there is no such prompt with these settings: leave it empty"]
      : promptProblems(builtIn, edited);
  for (const message of problems) context.addIssue({ code: "custom", path, message });
}
