import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseOrThrow, AppError } from "@/contracts/errors";
import { ATLAS_DIR } from "@/lib/paths.mjs";
import { chatPrompt, documentPrompt } from "@/core/prompts/generating";
import type { Message } from "@/contracts/run-config/prompt";
import type { GeneratorConfig } from "@/contracts/run-config/generator";
import type { QuestionText } from "@/core/scoring/rule-scoring";
import { fillQuestion } from "@/gpu-workers/llm/prompts/fill-question";
import { escapeSpecialTokens, escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { createPromptTemplate, fillPlaceholders } from "@/core/prompts/prompt-template";

/** What the frozen generator answers: a question with the documents that the searcher selected, in order. */
export interface GenerationRequest extends QuestionText {
  documents: readonly { title: string; text: string; hash: string }[];
}

/** A worked example of the few-shot prompt. Hashed as it stands for cache keys: no field may be renamed. */
export interface WorkedExample {
  question: string;
  answer: string;
  texts: readonly string[];
}

/**
 * How a request becomes text. Part of the generator's configuration: the same model answers 89% or 35% of Atlas
 * depending on it, so the label is part of every answer's key.
 */
export type PromptStyle = FewShotStyle | ChatStyle;
interface FewShotStyle {
  id: "few-shot";
  /** Style and version: "few-shot/1", "chat/1", or "chat/edited-" with the text's hash. */
  label: string;
  /** The worked examples are part of the key, too. */
  examples: readonly WorkedExample[];
  renderPrompt(request: GenerationRequest): string;
  stop: string[];
}
interface ChatStyle {
  id: "chat";
  label: string;
  renderMessages(request: GenerationRequest): Message[];
  stop: string[];
}

/** Three worked examples, then the question: for small models, which continue a text better than they follow instructions. */
export function createFewShotStyle(examples: readonly WorkedExample[]): FewShotStyle {
  const renderExample = (texts: readonly string[], question: string, answer: string): string =>
    [
      ...texts.map(escapeToOneLine),
      `Question: ${escapeToOneLine(question)}`,
      `Answer:${answer}`,
    ].join("\n");
  const prefix = examples
    .map(
      ({ texts, question, answer }) =>
        renderExample(texts, question, ` ${escapeToOneLine(answer)}`) + "\n\n",
    )
    .join("");
  return {
    id: "few-shot",
    label: "few-shot/1",
    examples,
    renderPrompt: ({ question, documents }) =>
      prefix +
      renderExample(
        documents.map(({ text }) => text),
        question,
        "",
      ),
    stop: ["\n"],
  };
}

/**
 * The built-in chat prompt (core/prompts/generating.ts), or an edited one.
 * @param document edited form of a document; null: the built-in one
 * @throws AppError "invalid-input" that lists what is wrong with an edited text
 */
export function createChatStyle(
  edited: string | null = null,
  document: string | null = null,
): ChatStyle {
  const template = createPromptTemplate(chatPrompt, edited, "generator.promptTemplate");
  const form = createPromptTemplate(documentPrompt, document, "generator.documentTemplate");
  const isOwn = form.version !== String(documentPrompt.version);
  const renderDocument = isOwn && document !== null ? fillDocument(document) : renderInOneLine;
  return {
    id: "chat",
    label: isOwn ? `${template.label}, ${form.label}` : template.label,
    renderMessages: ({ documents, ...asked }) =>
      template.fill({
        documents: documents.map(renderDocument).join("\n"),
        ...fillQuestion(template, asked, escapeToOneLine),
      }),
    stop: [],
  };
}

type RenderDocument = (document: { title: string; text: string }, i: number) => string;

const renderInOneLine: RenderDocument = ({ title, text }, i) =>
  `Context ${i + 1}${title === "" ? "" : ` (${escapeToOneLine(title)})`}: ${escapeToOneLine(text)}`;

/** A person's form, in which title and text keep their line breaks, as the released code has them. */
const fillDocument =
  (form: string): RenderDocument =>
  ({ title, text }, i) =>
    fillPlaceholders(form, {
      number: String(i + 1),
      title: escapeSpecialTokens(title),
      text: escapeSpecialTokens(text),
    });

const exampleLineSchema = z.object({
  question: z.string(),
  answers: z.array(z.string()).min(1),
  goldTexts: z.array(z.string()).min(1),
});

/**
 * The prompt style of a configuration. For few-shot it reads the worked examples that setup installed.
 * @throws AppError "not-found" where they are missing
 */
export async function loadPromptStyle(
  config: Pick<GeneratorConfig, "promptStyle" | "promptTemplate" | "documentTemplate">,
): Promise<PromptStyle> {
  if (config.promptStyle === "chat")
    return createChatStyle(config.promptTemplate, config.documentTemplate ?? null);
  const path = join(ATLAS_DIR, "examples.jsonl");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AppError(
      "not-found",
      `The worked examples of the few-shot prompt are missing (${path}). Run setup again.`,
      { cause },
    );
  });
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const examples = lines.map((line, i) =>
    parseOrThrow(exampleLineSchema, JSON.parse(line), `Worked example ${i + 1}`),
  );
  return createFewShotStyle(
    examples.map(({ question, answers, goldTexts }) => ({
      question,
      answer: answers[0]!,
      texts: goldTexts,
    })),
  );
}
