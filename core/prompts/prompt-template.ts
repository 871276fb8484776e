import { AppError } from "@/contracts/errors";
import {
  listPromptProblems,
  parsePromptSections,
  PLACEHOLDER,
  type Message,
} from "@/contracts/run-config/prompt";
import type { PromptSetting } from "@/contracts/run-config/prompt-settings";
import type { PromptText } from "./prompt-text";
import { formatPromptVersion } from "./prompt-version";

/** A prompt ready to be filled: the built-in one, or an edited one. */
export interface PromptTemplate {
  /** Stored with episodes and part of their keys: "ircot/1", or "ircot/edited-" with the text's hash. */
  label: string;
  /** The part of the label after the prompt's id. */
  version: string;
  /** Names of the placeholders that its text has. */
  placeholders: ReadonlySet<string>;
  /** Messages with every placeholder filled. A value is never read as a template. */
  fill(values: Readonly<Record<string, string>>): Message[];
}

/**
 * Reads the text of a prompt once, so that it can be filled for every question.
 *
 * @param edited text of the setting; null: the built-in one
 * @param setting that holds it
 * @throws AppError "invalid-input" that lists every problem of an edited text
 */
export function createPromptTemplate(
  prompt: PromptText,
  edited: string | null,
  setting: PromptSetting,
): PromptTemplate {
  const text = edited ?? prompt.text;
  const problems = listPromptProblems(prompt, text);
  if (problems.length > 0)
    throw new AppError("invalid-input", `${setting}: ${problems.join("; ")}.`);
  const sections = parsePromptSections(text);
  const version = formatPromptVersion(prompt, edited);
  return {
    label: `${prompt.id}/${version}`,
    version,
    placeholders: new Set([...text.matchAll(PLACEHOLDER)].map((match) => match[1]!)),
    fill: (values) =>
      sections.map(({ role, content }) => ({ role, content: fillPlaceholders(content, values) })),
  };
}

/** Fills the placeholders of a text; a value is never read as a template. */
export const fillPlaceholders = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(PLACEHOLDER, (_, name: string) => values[name] ?? "");
