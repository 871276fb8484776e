import type { SearchConfig } from "@/contracts/run-config";

/**
 * What the searcher reads. Two templates: `compact` for small models under guided decoding, where every token is paid
 * for on a CPU and the grammar knows the form; `full` for instruction-tuned models that write freely. In both, one
 * assistant turn is continued throughout: the environment appends an <information> block after each query.
 */
export interface PromptTemplate {
  id: "compact" | "full";
  version: number;
  /** Instructions, question and first window, up to where the searcher begins to write. */
  start(question: string, documents: readonly PromptDocument[], search: SearchConfig): string;
  /** What is appended after a query: the next window. */
  observation(documents: readonly PromptDocument[], searchesLeft: number): string;
}

export interface PromptDocument {
  title: string;
  text: string;
}

export const templateFor = (search: Pick<SearchConfig, "decoding">): PromptTemplate => (search.decoding === "guided" ? compact : full);

const compact: PromptTemplate = {
  id: "compact",
  version: 1,
  start: (question, documents) =>
    "Find the documents that answer the question. Keep the useful ones, then search for what is missing.\n\n" + `Question: ${oneLine(question)}\n${information(documents, untitledLine)}\n`,
  observation: (documents) => `\n${information(documents, untitledLine)}\n`,
};

const full: PromptTemplate = {
  id: "full",
  version: 1,
  start: (question, documents, search) =>
    `<|im_start|>system\nYou are a careful research assistant who finds evidence with a search engine.<|im_end|>\n<|im_start|>user\n${instructions(search)}\n\n` +
    `Question: ${oneLine(question)}\n${information(documents, titledLine)}<|im_end|>\n<|im_start|>assistant\n`,
  observation: (documents, searchesLeft) => `\n\n${information(documents, titledLine)}\n${searchesLeft === 0 ? "No searches are left: only choose documents.\n" : ""}`,
};

const instructions = ({ retrieve, select, turns }: SearchConfig): string =>
  `Collect the documents that someone else will need to answer a question. You do not answer it yourself.
You are shown a numbered list of up to ${retrieve} documents between <information> and </information>. Each time, do the following and write nothing else:
1. Choose the documents of this list that help to answer the question, at most ${select}, by their numbers: <important_info>[1, 3]</important_info>. An empty list, <important_info>[]</important_info>, keeps none of them.
2. Decide whether the documents chosen so far are enough: <search_complete>True</search_complete> if they are, else <search_complete>False</search_complete>.
3. If they are not enough, search for what is missing: <query>{"query": "what to look for"}</query>. Then stop writing; the results come as a new list with numbers of its own.
You may search ${turns} ${turns === 1 ? "time" : "times"}. Never write an <information> block yourself.`;

/** The window as the searcher sees it; documents are numbered from 1. */
const information = (documents: readonly PromptDocument[], line: (document: PromptDocument, number: number) => string): string =>
  ["<information>", ...documents.map((document, i) => line(document, i + 1)), "</information>"].join("\n");

const untitledLine = ({ text }: PromptDocument, number: number): string => `Doc ${number}: ${oneLine(text)}`;
const titledLine = ({ title, text }: PromptDocument, number: number): string => `Doc ${number}(Title: ${oneLine(title)}) ${oneLine(text)}`;

/**
 * Foreign text on one line, with the special-token marker broken: a document or a question cannot end a chat turn.
 * (Protocol tags in a document are harmless: the searcher's text alone is parsed.)
 */
export const oneLine = (text: string): string => text.replaceAll("<|", "< |").replace(/\s+/g, " ").trim();
