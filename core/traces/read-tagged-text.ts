import type { SearchTags, VerlMapping } from "@/contracts/formats/traces/mapping";
import { parseContainer, readFirst, readPlace, toText } from "./read-place";
import type { PlayedSteps, Unread } from "./rollout";
import { isNamed, readDocuments, StepRecorder } from "./step-recorder";

/**
 * Answers that hold whole rollouts: the model's words, in them its searches between tags, and after each what the
 * trainer answered between others. So write Search-R1 (`<search>query</search>`, then `<information>`, in the end
 * `<answer>`; search_r1/llm_agent/generation.py) and verl's tools (`<tool_call>{"name", "arguments"}</tool_call>`, then
 * `<tool_response>`; verl/experimental/agent_loop/tool_parser.py). Results are told from the model's words by their
 * place, right after a call, never by their tags alone. Pure.
 */

/** What a chat template writes between a turn and the next; the marks are gone where special tokens were. */
const TURN_CHANGE = /(?:\s|<\|[^|>\n]{1,40}\|>|\b(?:user|tool|ipython|observation)\n)*/y;
const ANSWER_BEGINS = /^(?:\s|<\|[^|>\n]{1,40}\|>)*assistant\n/;

interface Span {
  content: string;
  start: number;
  end: number;
  /** Whether it has no closing tag, as texts that were cut. */
  isCut: boolean;
}

/** Calls that stand together, and the results that answer them. */
interface Exchange {
  calls: Span[];
  results: Span[];
}

/** The tags that a rollout's searches are written with: those of its answer, else those that its prompt asks for. */
export function findSearchTags(
  { input, output }: { input: string; output: string },
  { searches }: VerlMapping,
): SearchTags | null {
  const occursIn = (text: string, tag: string | null): boolean =>
    tag !== null && text.includes(`</${tag}>`);
  return (
    searches.find(({ call }) => occursIn(output, call)) ??
    searches.find(({ result, answer }) => occursIn(output, result) || occursIn(output, answer)) ??
    searches.find(({ call }) => occursIn(input, call)) ??
    null
  );
}

/** The final answer between tags, or where these have none the words after the last result; null: there is none. */
export function readTaggedAnswer(
  output: string,
  tags: SearchTags,
  mapping: VerlMapping,
): string | null {
  const masked = maskQuoted(output, mapping);
  for (const { answer } of [tags, ...mapping.searches]) {
    if (answer === null) continue;
    const opened = masked.lastIndexOf(`<${answer}>`);
    const span = opened < 0 ? null : readSpan(masked, output, answer, opened);
    if (span && !span.isCut) return toText(span.content.trim());
  }
  if (tags.answer !== null) return null;
  const exchanges = listExchanges(output, mapping);
  const last = exchanges.at(-1);
  if (last && last.results.length === 0) return null;
  const words = removeTurnBegin(output.slice(last ? getEnd(last) : 0)).trim();
  return words === "" ? null : words;
}

/** A rollout's steps by its tags; ends with a stop, which says that the form was read also where nothing was searched. */
export function playTaggedText(
  { input, output }: { input: string; output: string },
  question: string,
  tags: SearchTags,
  mapping: VerlMapping,
): PlayedSteps {
  const recorder = new StepRecorder(question);
  const exchanges = listExchanges(output, mapping);
  let start = 0;
  let isFirst = true;
  const recordWords = (end: number): string => {
    const words = removeTurnBegin(output.slice(start, end)).trim();
    if (words === "") return words;
    recorder.recordText(words, isFirst ? { prompt: input } : {});
    isFirst = false;
    for (const { reason, example } of listUnknownTags(words, mapping))
      recorder.recordUnread(reason, example);
    return words;
  };
  let isAnswered = true;
  for (const exchange of exchanges) {
    isAnswered = exchange.results.length > 0;
    // A call without a result is a part of the words that follow it.
    if (isAnswered) {
      recordWords(exchange.calls.at(-1)!.end);
      start = getEnd(exchange);
    }
    recordExchange(exchange, output, recorder, mapping);
  }
  const last = recordWords(output.length);
  if (isFirst) recorder.recordText("", { prompt: input });
  if (isAnswered)
    recorder.recordStop(
      tags.answer === null || last.includes(`</${tags.answer}>`) ? "model" : "malformed",
    );
  return recorder.finish();
}

/** Tags of these words, opened and closed, of which the mapping says nothing: each once. */
export function listUnknownTags(words: string, mapping: VerlMapping): Unread[] {
  const masked = maskQuoted(words, mapping);
  const known = listOwnTags(mapping);
  const closed = new Set([...masked.matchAll(/<\/([A-Za-z][\w-]{0,40})>/g)].map(([, tag]) => tag!));
  const found = new Map<string, number>();
  for (const match of masked.matchAll(/<([A-Za-z][\w-]{0,40})>/g)) {
    const tag = match[1]!;
    if (!known.has(tag) && closed.has(tag) && !found.has(tag)) found.set(tag, match.index);
  }
  return [...found].map(([tag, at]) => ({
    reason: mapping.searches.some(({ result }) => result === tag)
      ? `what stands in <${tag}> follows no search`
      : `the tag <${tag}> is none that the mapping names`,
    example: words.slice(at),
  }));
}

/** A text in which sentences that only name tags, as instructions do, are blank: as long as it was. */
export const maskQuoted = (text: string, { quoted }: VerlMapping): string =>
  quoted.reduce((rest, one) => rest.replaceAll(one, " ".repeat(one.length)), text);

/** The tags that the model itself writes: calls, answers and words. */
const listOwnTags = ({ searches, words }: VerlMapping): Set<string> =>
  new Set([...words, ...searches.flatMap(({ call, answer }) => [call, answer ?? call])]);

const removeTurnBegin = (words: string): string => words.replace(ANSWER_BEGINS, "");

const getEnd = ({ calls, results }: Exchange): number => (results.at(-1) ?? calls.at(-1)!).end;

/** The calls of an answer in their order, with their results. */
function listExchanges(output: string, mapping: VerlMapping): Exchange[] {
  const masked = maskQuoted(output, mapping);
  const exchanges: Exchange[] = [];
  for (let at = 0; ;) {
    const first = mapping.searches
      .map((tags) => ({ tags, opened: masked.indexOf(`<${tags.call}>`, at) }))
      .filter(({ opened }) => opened >= 0)
      .sort((a, b) => a.opened - b.opened)[0];
    if (!first) return exchanges;
    const { call, result } = first.tags;
    const calls = readSpans(masked, output, call, first.opened);
    if (calls.length === 0) {
      at = first.opened + 1;
      continue;
    }
    TURN_CHANGE.lastIndex = calls.at(-1)!.end;
    TURN_CHANGE.exec(masked);
    const results = readSpans(masked, output, result, TURN_CHANGE.lastIndex, mapping);
    const exchange = { calls, results };
    exchanges.push(exchange);
    at = getEnd(exchange);
  }
}

/** Spans of a tag that stand one after the other from here on. @param cutBy whose tags end one that has no closing tag; none: it is no span */
function readSpans(
  masked: string,
  text: string,
  tag: string,
  from: number,
  cutBy?: VerlMapping,
): Span[] {
  const spans: Span[] = [];
  for (let at = from; masked.startsWith(`<${tag}>`, at);) {
    const span = readSpan(masked, text, tag, at, cutBy);
    if (span.isCut && !cutBy) return spans;
    spans.push(span);
    at = span.end + /^\s*/.exec(masked.slice(span.end, span.end + 20))![0].length;
  }
  return spans;
}

/** What stands between a tag that is opened here and where it is closed, or where the model's next tag begins. */
function readSpan(
  masked: string,
  text: string,
  tag: string,
  opened: number,
  cutBy?: VerlMapping,
): Span {
  const start = opened + tag.length + 2;
  const closed = masked.indexOf(`</${tag}>`, start);
  const written = cutBy ? findNextTag(masked, start, cutBy) : masked.length;
  // A window that lost its end is followed by the model's words, and they by the next window.
  const isCut =
    closed < 0 || (written < closed && masked.slice(written, closed).includes(`<${tag}>`));
  const end = isCut ? written : closed;
  return {
    content: text.slice(start, end),
    start: opened,
    end: isCut ? end : end + tag.length + 3,
    isCut,
  };
}

/** Where the model's words begin again: at the first tag that it writes. */
function findNextTag(text: string, from: number, mapping: VerlMapping): number {
  const own = listOwnTags(mapping);
  for (const { result } of mapping.searches) own.delete(result);
  const found = [...own].map((tag) => text.indexOf(`<${tag}>`, from)).filter((at) => at >= 0);
  return Math.min(text.length, ...found);
}

function recordExchange(
  { calls, results }: Exchange,
  output: string,
  recorder: StepRecorder,
  mapping: VerlMapping,
): void {
  for (const [i, call] of calls.entries()) {
    const result = results[i];
    const written = output.slice(call.start, call.end);
    if (!result) recorder.recordUnread("a search has no result", written);
    else recordResult(call, result, written, recorder, mapping);
  }
  for (const result of results.slice(calls.length))
    recorder.recordUnread("a result answers no search", result.content);
}

function recordResult(
  call: Span,
  result: Span,
  written: string,
  recorder: StepRecorder,
  { search }: VerlMapping,
): void {
  const queries = readQueries(call.content, search);
  if (typeof queries === "string") return recorder.recordUnread(queries, written);
  if (result.isCut)
    recorder.recordUnread("a window has no end: its last document is cut", result.content);
  const parts = splitResult(result.content, queries.length, search.documents);
  if (parts.length < queries.length)
    recorder.recordUnread("several queries have one result, which stands under the first", written);
  for (const [i, query] of queries.entries()) {
    const part = parts[i];
    const found =
      part === undefined ? [] : readDocuments([part], search.documents, search.document);
    if (found === null)
      recorder.recordUnread("a window holds no document that can be read", result.content);
    recorder.recordSearch(query, found);
  }
}

/** The queries of a call: its text, or of a tool's call what its arguments hold. @returns them, or why there are none */
function readQueries(content: string, search: VerlMapping["search"]): string[] | string {
  const parsed = parseContainer(content);
  if (parsed === undefined) {
    const query = content.trim();
    if (query.startsWith("{")) return "a tool call is no JSON";
    return query === "" ? "a search has no query" : [query];
  }
  const name = readFirst([parsed], ["name", "function.name"], toText);
  if (name !== null && !isNamed(name, search.tools))
    return `tool "${name}" is none of those that search`;
  const given = readPlace(parsed, "arguments") ?? readPlace(parsed, "function.arguments") ?? parsed;
  return readFirst([given], search.query, toQueries) ?? "a search has no query";
}

/** A query, or a list of them. */
function toQueries(value: unknown): string[] | null {
  const listed = (Array.isArray(value) ? (value as unknown[]) : [value]).map(toText);
  return listed.length > 0 && listed.every((one) => one !== null) ? listed : null;
}

/** The part of a result that belongs to each query: verl's search tool writes `---` between them. */
function splitResult(content: string, queries: number, places: readonly string[]): string[] {
  if (queries === 1) return [content];
  const text = readFirst([content], places, toText) ?? content;
  const parts = text.split(/\n---\n/);
  return parts.length === queries ? parts : [content];
}
