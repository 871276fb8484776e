import { s3Prompt } from "@/contracts/run-config/prompts/searching";
import type { SearchConfig } from "@/contracts/run-config/run-config";
import { oneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { chatText } from "@/gpu-workers/llm/generator/prompt-style";
import { openTemplate } from "@/gpu-workers/llm/prompts/prompt-template";

/**
 * What the searcher reads. Two templates: `compact` for small models under guided decoding, where every token is paid
 * for on a CPU and the grammar knows the form; `full` for instruction-tuned models that write freely. In both, one
 * assistant turn is continued throughout: the environment appends an <information> block after each query.
 */
export interface PromptTemplate {
  id: "compact" | "full";
  /** The hash of an edited text. */
  version: number | string;
  /** Instructions, question and first window, up to where the searcher begins to write. */
  start(question: string, documents: readonly PromptDocument[], search: SearchConfig): string;
  /** What is appended after a query: the next window. */
  observation(documents: readonly PromptDocument[], searchesLeft: number): string;
}

export interface PromptDocument {
  title: string;
  text: string;
}

export const templateFor = (search: Pick<SearchConfig, "decoding">): PromptTemplate =>
  search.decoding === "guided" ? compact : full;

const compact: PromptTemplate = {
  id: "compact",
  version: 1,
  start: (question, documents) =>
    "Find the documents that answer the question. Keep the useful ones, then search for what is missing.\n\n" +
    `Question: ${oneLine(question)}\n${information(documents, untitledLine)}\n`,
  observation: (documents) => `\n${information(documents, untitledLine)}\n`,
};

const full: PromptTemplate = fullTemplate(null);

/** The prompt of free decoding: the built-in text, or a person's in its place. */
export function fullTemplate(edited: string | null): PromptTemplate {
  const template = openTemplate(s3Prompt, edited, "methodSettings.promptTemplate");
  const { version } = template;
  return {
    id: "full",
    version: /^\d+$/.test(version) ? Number(version) : version,
    start: (question, documents, search) =>
      chatText(template.fill(startValues(question, documents, search))),
    observation,
  };
}

/** What fills the prompt of free decoding. */
export const startValues = (
  question: string,
  documents: readonly PromptDocument[],
  { retrieve, select, turns }: SearchConfig,
): Record<string, string> => ({
  question: oneLine(question),
  information: information(documents, titledLine),
  retrieve: String(retrieve),
  select: String(select),
  turns: `${turns} ${turns === 1 ? "time" : "times"}`,
});

/** What is appended after a query in free decoding. */
export function observation(documents: readonly PromptDocument[], searchesLeft: number): string {
  return `\n\n${information(documents, titledLine)}\n${searchesLeft === 0 ? "No searches are left: only choose documents.\n" : ""}`;
}

/** The window as the searcher sees it; documents are numbered from 1. */
const information = (
  documents: readonly PromptDocument[],
  line: (document: PromptDocument, number: number) => string,
): string =>
  [
    "<information>",
    ...documents.map((document, i) => line(document, i + 1)),
    "</information>",
  ].join("\n");

const untitledLine = ({ text }: PromptDocument, number: number): string =>
  `Doc ${number}: ${oneLine(text)}`;
const titledLine = ({ title, text }: PromptDocument, number: number): string =>
  `Doc ${number}(Title: ${oneLine(title)}) ${oneLine(text)}`;
