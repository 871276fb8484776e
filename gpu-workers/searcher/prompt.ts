import { s3Prompt } from "@/contracts/run-config/prompts/searching";
import type { SearchConfig } from "@/contracts/run-config/run-config";
import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import { renderChat } from "@/gpu-workers/llm/generator/prompt-style";
import { createPromptTemplate } from "@/gpu-workers/llm/prompts/prompt-template";

/**
 * What the searcher reads. Two templates: `compact` for small models under guided decoding, where every token is paid
 * for on a CPU and the grammar knows the form; `full` for instruction-tuned models that write freely. In both, one
 * assistant turn is continued throughout: the environment appends an <information> block after each query.
 */
export interface SearcherPrompt {
  id: "compact" | "full";
  /** The hash of an edited text. */
  version: number | string;
  /** Instructions, question and first window, up to where the searcher begins to write. */
  renderStart(question: string, documents: readonly PromptDocument[], search: SearchConfig): string;
  /** What is appended after a query: the next window. */
  renderObservation(documents: readonly PromptDocument[], searchesLeft: number): string;
}

export interface PromptDocument {
  title: string;
  text: string;
}

export const selectPrompt = (search: Pick<SearchConfig, "decoding">): SearcherPrompt =>
  search.decoding === "guided" ? compactPrompt : fullPrompt;

const compactPrompt: SearcherPrompt = {
  id: "compact",
  version: 1,
  renderStart: (question, documents) =>
    "Find the documents that answer the question. Keep the useful ones, then search for what is missing.\n\n" +
    `Question: ${escapeToOneLine(question)}\n${renderWindow(documents, formatDocument)}\n`,
  renderObservation: (documents) => `\n${renderWindow(documents, formatDocument)}\n`,
};

const fullPrompt: SearcherPrompt = createFullPrompt(null);

/** The prompt of free decoding: the built-in text, or a person's in its place. */
export function createFullPrompt(edited: string | null): SearcherPrompt {
  const template = createPromptTemplate(s3Prompt, edited, "methodSettings.promptTemplate");
  const { version } = template;
  return {
    id: "full",
    version: /^\d+$/.test(version) ? Number(version) : version,
    renderStart: (question, documents, search) =>
      renderChat(template.fill(buildStartValues(question, documents, search))),
    renderObservation: observation,
  };
}

/** What fills the prompt of free decoding. */
export const buildStartValues = (
  question: string,
  documents: readonly PromptDocument[],
  { retrieve, select, turns }: SearchConfig,
): Record<string, string> => ({
  question: escapeToOneLine(question),
  information: renderWindow(documents, formatTitledDocument),
  retrieve: String(retrieve),
  select: String(select),
  turns: `${turns} ${turns === 1 ? "time" : "times"}`,
});

/** What is appended after a query in free decoding. */
export function observation(documents: readonly PromptDocument[], searchesLeft: number): string {
  return `\n\n${renderWindow(documents, formatTitledDocument)}\n${searchesLeft === 0 ? "No searches are left: only choose documents.\n" : ""}`;
}

/** The window as the searcher sees it; documents are numbered from 1. */
const renderWindow = (
  documents: readonly PromptDocument[],
  line: (document: PromptDocument, number: number) => string,
): string =>
  [
    "<information>",
    ...documents.map((document, i) => line(document, i + 1)),
    "</information>",
  ].join("\n");

const formatDocument = ({ text }: PromptDocument, number: number): string =>
  `Doc ${number}: ${escapeToOneLine(text)}`;
const formatTitledDocument = ({ title, text }: PromptDocument, number: number): string =>
  `Doc ${number}(Title: ${escapeToOneLine(title)}) ${escapeToOneLine(text)}`;
