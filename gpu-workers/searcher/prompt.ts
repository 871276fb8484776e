import { formatQuestionText } from "@/contracts/formats/upstream/question-text";
import { s3Prompt } from "@/core/prompts/searching";
import type { Protocol } from "@/contracts/records/episode";
import type { PromptSetting } from "@/contracts/run-config/prompt-settings";
import type { SearchConfig } from "@/contracts/run-config/search";
import type { Question } from "@/contracts/worker-protocol/questions";
import { escapeToOneLine } from "@/gpu-workers/llm/prompts/escape-text";
import type { ChatTemplate } from "@/gpu-workers/llm/model-files/chat-template";
import { createPromptTemplate } from "@/core/prompts/prompt-template";
import { renderUpstreamFirstWindow, renderUpstreamWindow } from "./upstream-context";

/**
 * What the searcher reads. There are two prompts: `compact` for small models under guided decoding, where the grammar
 * gives the form and every prompt token costs time on a CPU; `full` for instruction-tuned models that decode freely. In
 * both the episode is one assistant turn: after each query the environment appends an <information> block to it.
 */
export interface SearcherPrompt {
  id: "compact" | "full";
  /** A number for the built-in text, a hash for an edited one. */
  version: number | string;
  /** Instructions, question and first window, up to where the searcher begins to write. */
  renderStart(
    question: string,
    documents: readonly PromptDocument[],
    search: SearchConfig,
    chat: ChatTemplate,
  ): string;
  /** What the model's chat template adds to keys; undefined where it adds nothing. */
  describeChat(chat: ChatTemplate): string | undefined;
  /** What is appended after a query: the next window. */
  renderObservation(
    documents: readonly PromptDocument[],
    searchesLeft: number,
    protocol: Protocol,
  ): string;
}

/** A document of a window. */
export interface PromptDocument {
  title: string;
  text: string;
}

/** The built-in prompt for the decoding mode. */
export const selectPrompt = (search: Pick<SearchConfig, "decoding">): SearcherPrompt =>
  search.decoding === "guided" ? compactPrompt : fullPrompt;

const compactPrompt: SearcherPrompt = {
  id: "compact",
  version: 1,
  renderStart: (question, documents, { protocol }) =>
    "Find the documents that answer the question. Keep the useful ones, then search for what is missing.\n\n" +
    `Question: ${escapeQuestion(question, protocol)}\n${renderFirstWindow(documents, formatDocument, protocol)}\n`,
  describeChat: () => undefined,
  renderObservation: (documents, _, protocol) =>
    protocol === "upstream"
      ? renderUpstreamWindow(documents)
      : `\n${renderWindow(documents, formatDocument)}\n`,
};

const fullPrompt: SearcherPrompt = createFullPrompt(null);

/**
 * The prompt of free decoding: the built-in text, or an edited one.
 * @throws AppError "invalid-input" that lists what is wrong with an edited text
 */
export function createFullPrompt(
  edited: string | null,
  setting: PromptSetting = "methodSettings.promptTemplate",
): SearcherPrompt {
  const template = createPromptTemplate(s3Prompt, edited, setting);
  const { version } = template;
  return {
    id: "full",
    version: /^\d+$/.test(version) ? Number(version) : version,
    renderStart: (question, documents, search, chat) =>
      chat.render(template.fill(buildStartValues(question, documents, search))),
    describeChat: (chat) => chat.describe(template.fill({})),
    renderObservation,
  };
}

/** Values for the placeholders of the full prompt. */
export const buildStartValues = (
  question: string,
  documents: readonly PromptDocument[],
  { protocol, retrieve, select, turns }: SearchConfig,
): Record<string, string> => ({
  question: escapeQuestion(question, protocol),
  information: renderFirstWindow(documents, formatTitledDocument, protocol),
  retrieve: String(retrieve),
  select: String(select),
  turns: `${turns} ${turns === 1 ? "time" : "times"}`,
});

/**
 * The question as the searcher reads it. The released code shows it the options of a multiple choice as its files have
 * them, and retrieves by the question alone.
 */
export const formatSearcherQuestion = (
  question: Pick<Question, "question" | "options">,
  protocol: Protocol,
): string => (protocol === "upstream" ? formatQuestionText(question) : question.question);

/** Options stand on lines of their own under `upstream`. */
export const escapeQuestion = (question: string, protocol: Protocol): string =>
  protocol === "upstream"
    ? question.split("\n").map(escapeToOneLine).join("\n")
    : escapeToOneLine(question);

/** What `upstream` appends to a turn with neither stop nor query: the searcher writes on within the opened tag. In our own words. */
export const UPSTREAM_RETRY =
  "\n\nThe documents so far are not enough. Here is a new query, as JSON between the query tags:\n<query>\n";

/** What is appended after a query in free decoding. */
export function renderObservation(
  documents: readonly PromptDocument[],
  searchesLeft: number,
  protocol: Protocol,
): string {
  if (protocol === "upstream") return renderUpstreamWindow(documents);
  return `\n\n${renderWindow(documents, formatTitledDocument)}\n${searchesLeft === 0 ? "No searches are left: only choose documents.\n" : ""}`;
}

const renderFirstWindow = (
  documents: readonly PromptDocument[],
  line: (document: PromptDocument, number: number) => string,
  protocol: Protocol,
): string =>
  protocol === "upstream" ? renderUpstreamFirstWindow(documents) : renderWindow(documents, line);

/** Renders a window as the searcher sees it, with its documents numbered from 1. */
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
