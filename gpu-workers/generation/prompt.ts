import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseOrThrow, AppError } from "@/contracts/errors";
import { ATLAS_DIR } from "@/contracts/paths";
import type { GeneratorConfig } from "@/contracts/run-config";

/** What the frozen generator is asked: a question and the documents handed over, in order. */
export interface GenerationRequest {
  question: string;
  documents: readonly { title: string; text: string; hash: string }[];
}

/** A worked example of the few-shot prompt. */
export interface WorkedExample {
  question: string;
  answer: string;
  texts: readonly string[];
}

/**
 * How a request becomes text. Part of the generator's configuration: the same model answers 89% or 35% of Atlas
 * depending on it, so style and version are part of every answer's key.
 */
export type PromptStyle = CompletionStyle | ChatStyle;
interface CompletionStyle {
  id: "few-shot";
  version: number;
  /** The worked examples are part of the key, too. */
  examples: readonly WorkedExample[];
  prompt(request: GenerationRequest): string;
  stop: string[];
}
interface ChatStyle {
  id: "chat";
  version: number;
  messages(request: GenerationRequest): { role: "system" | "user"; content: string }[];
  stop: string[];
}

/** Three worked examples, then the question: for small base-like models, which complete better than they obey. */
export function fewShotStyle(examples: readonly WorkedExample[]): CompletionStyle {
  const shot = (texts: readonly string[], question: string, answer: string): string => [...texts.map(flat), `Question: ${flat(question)}`, `Answer:${answer}`].join("\n");
  const prefix = examples.map(({ texts, question, answer }) => shot(texts, question, ` ${flat(answer)}`) + "\n\n").join("");
  return {
    id: "few-shot",
    version: 1,
    examples,
    prompt: ({ question, documents }) =>
      prefix +
      shot(
        documents.map(({ text }) => text),
        question,
        "",
      ),
    stop: ["\n"],
  };
}

/** As upstream asks its generator: contexts in the system message, the question from the user. */
export const chatStyle: ChatStyle = {
  id: "chat",
  version: 1,
  messages: ({ question, documents }) => [
    {
      role: "system",
      content:
        "Answer the user's question directly, in as few words as possible and without explanation. " +
        `Use these contexts; some of them may be irrelevant.\n\n${documents.map(({ title, text }, i) => `Context ${i + 1}${title === "" ? "" : ` (${flat(title)})`}: ${flat(text)}`).join("\n")}`,
    },
    { role: "user", content: flat(question) },
  ],
  stop: [],
};

/** A chat as one text, in the template of Qwen2.5 and SmolLM2; its last turn, the assistant's, is left open. */
export function chatText(messages: readonly { role: string; content: string }[]): string {
  const last = messages[messages.length - 1];
  const begun = last?.role === "assistant" ? last.content : "";
  const told = last?.role === "assistant" ? messages.slice(0, -1) : messages;
  return told.map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`).join("") + `<|im_start|>assistant\n${begun}`;
}

/** Foreign text on one line; it cannot write a special token. */
const flat = (text: string): string => text.replaceAll("<|", "< |").replace(/\s+/g, " ").trim();

const exampleLine = z.object({ question: z.string(), answers: z.array(z.string()).min(1), goldTexts: z.array(z.string()).min(1) });

/** The style of a configuration; reads the worked examples that setup installed. */
export async function promptStyle(name: GeneratorConfig["promptStyle"]): Promise<PromptStyle> {
  if (name === "chat") return chatStyle;
  const path = join(ATLAS_DIR, "examples.jsonl");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new AppError("not-found", `The worked examples of the few-shot prompt are missing (${path}). Run setup again.`, { cause });
  });
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const examples = lines.map((line, i) => parseOrThrow(exampleLine, JSON.parse(line), `Worked example ${i + 1}`));
  return fewShotStyle(examples.map(({ question, answers, goldTexts }) => ({ question, answer: answers[0]!, texts: goldTexts })));
}
