import {
  formatDocuments,
  parseDocuments,
  type UpstreamDocument,
} from "@/contracts/formats/upstream/documents";
import type { EpisodeStep } from "@/contracts/records/episode";
import { parseUpstreamIds } from "./selection-ids";

/**
 * `response_str` of upstream's sequences: a conversation as text, from the question on. Windows are told from the model's
 * own words by their place, right after a query or before the model's first word, never by their tags alone. Pure.
 */

const ASSISTANT = "<|im_start|>assistant\n";
/** Where the model's words begin, in the chat templates of the models that upstream's code is used with. */
const ASSISTANT_MARK =
  /<\|im_start\|>assistant\n|<\|start_header_id\|>assistant<\|end_header_id\|>\s*|<start_of_turn>model\n/;
const END_MARKS = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<end_of_turn>"];

/** What the model wrote in a turn, and the window that it read before. */
interface ResponseTurn {
  /** The query that the window answers; null before the first, which is the question's own. */
  query: string | null;
  /** Null where the text shows no window. */
  window: UpstreamDocument[] | null;
  /** Whether the window has no closing tag: upstream cuts long ones, whose last document is then incomplete. */
  isCut: boolean;
  /** The model's words, with what upstream's code put between them. */
  text: string;
}

/** The turns of a conversation; empty where the text is. */
export function parseResponse(response: string): ResponseTurn[] {
  const mark = ASSISTANT_MARK.exec(response);
  const head = mark
    ? response.slice(0, mark.index)
    : (/^\s*<question>[^]*?<\/information>/.exec(response)?.[0] ?? "");
  const body = removeEndMarks(response.slice(mark ? mark.index + mark[0].length : head.length));
  const first = readWindow(head, head.lastIndexOf("<information>"));
  const turns: ResponseTurn[] = [];
  let turn = {
    query: null as string | null,
    window: first?.documents ?? null,
    isCut: first?.isCut ?? false,
  };
  let start = 0;
  for (let at = 0; ;) {
    const closed = body.indexOf("</query>", at);
    if (closed < 0) break;
    at = closed + "</query>".length;
    const opened = body.indexOf("<information>", at);
    if (opened < 0 || body.slice(at, opened).trim() !== "") continue;
    const text = body.slice(start, at).trim();
    turns.push({ ...turn, text });
    const window = readWindow(body, opened)!;
    turn = { query: readQuery(text), window: window.documents, isCut: window.isCut };
    start = window.end;
    at = window.end;
  }
  const text = body.slice(start).trim();
  if (text !== "" || turn.window !== null) turns.push({ ...turn, text });
  return turns;
}

/** A text without the marks and white space at its end. */
function removeEndMarks(text: string): string {
  let rest = text.trimEnd();
  for (;;) {
    const mark = END_MARKS.find((each) => rest.endsWith(each));
    if (mark === undefined) return rest;
    rest = rest.slice(0, -mark.length).trimEnd();
  }
}

/** The window that is opened at a place. One that is cut ends where the model's next tag begins. */
function readWindow(
  text: string,
  opened: number,
): { documents: UpstreamDocument[]; end: number; isCut: boolean } | null {
  if (opened < 0) return null;
  const start = opened + "<information>".length;
  const closed = text.indexOf("</information>", start);
  const next = /<(?:important_info|search_complete|query|think|\|im_end\|)>/g;
  next.lastIndex = start;
  const written = next.exec(text)?.index ?? text.length;
  const isCut =
    closed < 0 || (written < closed && text.slice(written, closed).includes("<information>"));
  const end = isCut ? written : closed;
  return {
    documents: parseDocuments(text.slice(start, end).trim()),
    end: isCut ? end : end + "</information>".length,
    isCut,
  };
}

/**
 * The query of a turn as upstream's code reads it: of the first tags, `query` of a JSON object, its first element where it
 * is a list, else the text itself. The retry message opens a tag that the model's answer opens again.
 */
function readQuery(text: string): string {
  const written = text.slice(0, text.indexOf("</query>")).replace(/<query>\s*(?=<query>)/g, "");
  const opened = written.indexOf("<query>");
  const content = (opened < 0 ? written : written.slice(opened + "<query>".length)).trim();
  try {
    const value: unknown = JSON.parse(content);
    if (typeof value !== "object" || value === null || !("query" in value)) return content;
    const query: unknown = Array.isArray(value.query) ? value.query[0] : value.query;
    return typeof query === "string" ? query : content;
  } catch {
    return content;
  }
}

/**
 * Positions, from 0 and in the window's order, of the documents that a turn keeps by upstream's rule. Null where there is
 * no selection, which keeps all.
 */
export function readSelection(text: string, windowSize: number): number[] | null {
  const content = /<important_info>([^]*?)<\/important_info>/.exec(text)?.[1];
  if (content === undefined) return null;
  return parseUpstreamIds(content)
    .filter((id) => id <= windowSize)
    .map((id) => id - 1);
}

/** Whether a turn says that the search is complete. */
export const saysComplete = (text: string): boolean =>
  /^(?:true|yes|1|y)$/i.test(
    /<search_complete>([^]*?)<\/search_complete>/.exec(text)?.[1]?.trim() ?? "",
  );

/**
 * A conversation as upstream writes it: question and first window, then the model's words and the windows that answer
 * its queries. Upstream's context.py, its ablations and `parseResponse` read it.
 * @param question with its options, as upstream's key has it
 */
export function formatResponse(
  question: string,
  steps: readonly EpisodeStep[],
  getText: (hash: string) => UpstreamDocument,
): string {
  const [only] = steps;
  // Imported before windows were read out of it: it is the whole conversation already.
  if (steps.length === 1 && only?.kind === "generate" && ASSISTANT_MARK.test(only.text))
    return only.text;
  const firstIndex = steps.findIndex(({ kind }) => kind === "generate" || kind === "retrieve");
  const first = steps[firstIndex];
  const listTexts = (step: Extract<EpisodeStep, { kind: "retrieve" }>): UpstreamDocument[] =>
    step.documents.map(({ hash }) => getText(hash));
  const window = first?.kind === "retrieve" ? formatFirstWindow(listTexts(first)) : "";
  let body = "";
  for (const [i, step] of steps.entries()) {
    if (step.kind === "retrieve" && i !== firstIndex)
      body += `\n\n<information>${formatDocuments(listTexts(step))}</information>\n\n`;
    // Two turns without a window between them: the first had no query.
    if (step.kind === "generate") body += `${/[^\n]$/.test(body) ? "\n\n" : ""}${step.text.trim()}`;
  }
  return `\n<question>\n${question}\n</question>\n${window}<|im_end|>\n${ASSISTANT}${body}<|im_end|>`;
}

/** Upstream writes the first window with a space before the bracket, and each document on a line of its own. */
const formatFirstWindow = (documents: readonly UpstreamDocument[]): string =>
  `<information>\n${documents
    .map(({ title, text }, i) => `Doc ${i + 1} (Title: "${title.replace(/\s+/g, " ")}") ${text}\n`)
    .join("")}</information>\n`;
