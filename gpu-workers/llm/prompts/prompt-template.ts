import { AppError } from "@/contracts/errors";
import type { PromptSetting } from "@/contracts/run-config/prompts/prompts";
import {
  PLACEHOLDER,
  promptProblems,
  sectionsOf,
  type Message,
  type PromptText,
} from "@/contracts/run-config/prompts/template";
import { promptVersion } from "@/contracts/run-config/prompts/version";

/** A prompt ready to be filled: the built-in one, or a person's. */
export interface PromptTemplate {
  /** Stored with episodes and part of their keys: "ircot/1", or "ircot/edited-" with the text's hash. */
  label: string;
  /** Of the label, what follows the prompt's name. */
  version: string;
  /** Messages with every placeholder filled. A value is never read as a template. */
  fill(values: Readonly<Record<string, string>>): Message[];
}

/**
 * @param edited a person's text; null: the built-in one
 * @param setting that holds it
 * @throws AppError "invalid-input" that lists every problem of an edited text
 */
export function createPromptTemplate(
  prompt: PromptText,
  edited: string | null,
  setting: PromptSetting,
): PromptTemplate {
  const text = edited ?? prompt.text;
  const problems = promptProblems(prompt, text);
  if (problems.length > 0)
    throw new AppError("invalid-input", `${setting}: ${problems.join("; ")}.`);
  const sections = sectionsOf(text);
  const version = promptVersion(prompt, edited);
  return {
    label: `${prompt.id}/${version}`,
    version,
    fill: (values) =>
      sections.map(({ role, content }) => ({
        role,
        content: content.replace(PLACEHOLDER, (_, name: string) => values[name] ?? ""),
      })),
  };
}
