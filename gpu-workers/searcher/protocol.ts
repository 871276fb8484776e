import type { FormatError, Protocol } from "@/contracts/records/episode";
import type { SearchConfig } from "@/contracts/run-config/search";
import type { TurnDecision } from "./turn-decision";
import { completeUpstreamText, parseUpstreamTurn } from "./upstream-turn";

/**
 * The protocol of s3 (paper, section 3): in each turn the searcher selects documents of the window that it was shown,
 * decides whether the search is complete, and if not writes the next query.
 *   <important_info>[1, 3]</important_info>
 *   <search_complete>False</search_complete>
 *   <query>{"query": "..."}</query>
 * Everything here turns text into structures, and is pure. Documents are never read from the searcher's text, except under
 * `upstream`, where the released code does. Each protocol has a version of its own in the keys of its episodes.
 */
export const PROTOCOL_VERSIONS: Readonly<Record<Protocol, number>> = {
  paper: 1,
  // 2: as the released code, defects included (upstream-turn.ts, upstream-context.ts).
  upstream: 2,
};

/** What parsing a turn depends on. */
export interface TurnRules {
  protocol: Protocol;
  /** Documents in the window. */
  window: number;
  select: number;
  /** The last turn: only a selection is expected. */
  last: boolean;
  /** The text was cut by the token limit. */
  truncated: boolean;
}

const IMITATED_BLOCK = "<information>";
const AFFIRMATIVE = new Set(["true", "yes", "1", "y"]);
const NEGATIVE = new Set(["false", "no", "0", "n"]);

/** Where sampling stops in a turn of free decoding. Upstream samples further and cuts the text after its first query, with the same result. */
export function listStopStrings(protocol: Protocol, last: boolean): string[] {
  if (protocol === "upstream") return ["</query>"];
  return last
    ? ["</important_info>", IMITATED_BLOCK]
    : ["</query>", "True</search_complete>", IMITATED_BLOCK];
}

/** Searches after the retrieval with the question itself. Upstream's released code allows one more. */
export const countSearchesAllowed = (search: Pick<SearchConfig, "protocol" | "turns">): number =>
  search.protocol === "upstream" ? search.turns + 1 : search.turns;

/** Documents of the first window. Upstream's released code shows 12 in training and 3 in inference. */
export const countInitialDocuments = (
  search: Pick<SearchConfig, "protocol" | "retrieve">,
  training: boolean,
): number => (search.protocol === "upstream" ? (training ? 12 : 3) : search.retrieve);

/**
 * Parses the searcher's text of one turn. Never throws; linear in the length of the text.
 * Both protocols keep the whole window where there is no selection, and let a positive stop decision override a query.
 * `paper` rejects and counts what is malformed, and ends the turn where an <information> block is imitated; `upstream`
 * reads as the released code does (upstream-turn.ts).
 */
export function parseTurn(text: string, rules: TurnRules): TurnDecision {
  if (rules.protocol === "upstream") return parseUpstreamTurn(text, rules);
  const errors = new Set<FormatError>();
  if (rules.truncated) errors.add("truncated");
  const own = selectReadableText(text, errors);
  const selection = parseSelection(own, rules, errors);
  if (rules.last) return { selection, complete: null, query: null, errors: [...errors] };
  const complete = parseDecision(own);
  const query = complete === true ? null : parseQuery(own, errors);
  if (complete === null && query === null && !own.includes("<query>"))
    errors.add("no-stop-decision");
  return { selection, complete, query, errors: [...errors] };
}

/** The part of a turn's text that is parsed: also what follows the first query, to count further queries. */
function selectReadableText(text: string, errors: Set<FormatError>): string {
  const invented = text.indexOf(IMITATED_BLOCK);
  if (invented < 0) return text;
  errors.add("invented-documents");
  return text.slice(0, invented);
}

/**
 * A turn's text as it stays in the conversation: nothing after the first query, in `paper` no imitated document, in
 * `upstream` an opening tag before a query that lacks it.
 */
export function completeTurnText(text: string, protocol: Protocol): string {
  if (protocol === "upstream") return completeUpstreamText(text);
  const end = text.indexOf("</query>");
  const own = end < 0 ? text : text.slice(0, end + "</query>".length);
  const invented = own.indexOf(IMITATED_BLOCK);
  return invented < 0 ? own : own.slice(0, invented);
}

function parseSelection(
  text: string,
  { window, select }: TurnRules,
  errors: Set<FormatError>,
): number[] | null {
  const block = findFirstBlock(text, "important_info");
  if (block.kind === "absent") {
    errors.add("no-selection");
    return null;
  }
  const ids = block.kind === "open" ? null : parseIdList(block.content);
  if (ids === null) {
    errors.add("malformed-selection");
    return null;
  }
  const inRange = ids.filter((id) => id >= 1 && id <= window);
  if (inRange.length < ids.length) errors.add("id-out-of-range");
  if (inRange.length > select) errors.add("too-many-selected");
  return inRange.slice(0, select);
}

/** Distinct numbers separated by commas, in brackets or not; null for anything else. Splits instead of matching a pattern, so that no text makes it slow. */
function parseIdList(content: string): number[] | null {
  let list = content.trim();
  if (list.startsWith("[")) list = list.slice(1);
  if (list.endsWith("]")) list = list.slice(0, -1);
  list = list.trim();
  if (list.endsWith(",")) list = list.slice(0, -1).trim();
  if (list === "") return [];
  const parts = list.split(",").map((part) => part.trim());
  return parts.every((part) => /^\d{1,6}$/.test(part)) ? [...new Set(parts.map(Number))] : null;
}

function parseDecision(text: string): boolean | null {
  const block = findFirstBlock(text, "search_complete");
  if (block.kind !== "closed") return null;
  const word = block.content.trim().toLowerCase();
  if (AFFIRMATIVE.has(word)) return true;
  return NEGATIVE.has(word) ? false : null;
}

function parseQuery(text: string, errors: Set<FormatError>): string | null {
  const block = findFirstBlock(text, "query");
  if (block.kind === "absent") return null;
  if (block.kind === "open") {
    errors.add("malformed-query");
    return null;
  }
  if (text.indexOf("<query>", block.end) >= 0) errors.add("several-queries");
  const query = parseQueryJson(block.content);
  if (query === null) errors.add("malformed-query");
  else if (query === "") errors.add("empty-query");
  return query || null;
}

/** The `query` of a JSON object; null where the text is no such object. */
export function parseQueryJson(content: string): string | null {
  try {
    const value: unknown = JSON.parse(content);
    if (
      typeof value !== "object" ||
      value === null ||
      !("query" in value) ||
      typeof value.query !== "string"
    )
      return null;
    return value.query.replace(/\s+/g, " ").trim();
  } catch {
    return null;
  }
}

type Block =
  { kind: "absent" } | { kind: "open" } | { kind: "closed"; content: string; end: number };

/** The first <tag>...</tag>. Searches instead of matching a pattern, so that no text makes it slow. */
function findFirstBlock(text: string, tag: string): Block {
  const open = text.indexOf(`<${tag}>`);
  if (open < 0) return { kind: "absent" };
  const start = open + tag.length + 2;
  const close = text.indexOf(`</${tag}>`, start);
  return close < 0
    ? { kind: "open" }
    : { kind: "closed", content: text.slice(start, close), end: close + tag.length + 3 };
}
