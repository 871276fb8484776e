import type { PromptTemplate } from "@/core/prompts/prompt-template";
import type { QuestionText } from "@/core/scoring/rule-scoring";

/**
 * Values of {question} and {options}: where the prompt has a place for options, the question stands without them.
 * @param escape how a line is escaped
 */
export function fillQuestion(
  { placeholders }: Pick<PromptTemplate, "placeholders">,
  { question, parts }: QuestionText,
  escape: (line: string) => string,
): { question: string; options: string } {
  const asked = placeholders.has("options")
    ? (parts ?? { question, options: "" })
    : { question, options: "" };
  return {
    question: escape(asked.question),
    options: asked.options.split("\n").map(escape).join("\n"),
  };
}
