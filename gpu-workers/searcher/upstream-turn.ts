import type { FormatError } from "@/contracts/records/episode";
import { parseUpstreamIds } from "@/core/upstream/selection-ids";
import type { TurnDecision } from "./turn-decision";

/**
 * How the released code of s3 (pat-jj/s3, s3/llm_agent/generation_s3.py) reads one turn of the searcher, defects
 * included. Pure, linear in the length of the text. What differs from `paper`, by name:
 * - lenient queries: whatever stands between the tags is a query, JSON or not, also an empty one
 * - opened query: a closing tag without an opening one makes a query of the whole text before it
 * - retry: a turn with neither stop nor query does not end the episode but uses up a generation
 * - loose ids: every run of digits is an id, 1 to 8 count, without a limit
 */

/** What is put in front of a text that closes a query which it never opened. */
export const UPSTREAM_OPENED_QUERY = "<query>\n";

const AFFIRMATIVE = new Set(["true", "yes", "1", "y"]);

/** Whether the text closes its first query without having opened it. */
export function lacksOpening(text: string): boolean {
  const end = text.indexOf("</query>");
  return end >= 0 && !text.slice(0, end).includes("<query>");
}

/**
 * A turn's text as it stays in the conversation: cut after its first query, and with an opening tag where only a closing
 * one is left.
 */
export function completeUpstreamText(text: string): string {
  const end = text.indexOf("</query>");
  if (end < 0) return text;
  return (lacksOpening(text) ? UPSTREAM_OPENED_QUERY : "") + text.slice(0, end + "</query>".length);
}

/** Decides a turn as the released code does. `window`: documents in the window; `last`: no search is left. */
export function parseUpstreamTurn(
  text: string,
  { window, last, truncated }: { window: number; last: boolean; truncated: boolean },
): TurnDecision {
  const own = completeUpstreamText(text);
  const errors: FormatError[] = truncated ? ["truncated"] : [];
  // What the searcher wrote as documents is handed over as such (upstream-context.ts), so it is at least counted.
  if (own.includes("<information>")) errors.push("invented-documents");
  const selection = parseSelection(own, window);
  if (last) return { selection, complete: null, query: null, errors };
  const word = extractFirst(own, "search_complete")?.trim().toLowerCase();
  if (word !== undefined && AFFIRMATIVE.has(word))
    return { selection, complete: true, query: null, errors };
  const complete = word === undefined ? null : false;
  const written = extractFirst(own, "query");
  if (written === null)
    return { selection, complete, query: null, errors: [...errors, "invalid-action"] };
  const query = parseQueryText(written.trim());
  return typeof query === "string"
    ? { selection, complete, query, errors }
    : { selection, complete, query: null, refusedQuery: JSON.stringify(query), errors };
}

function parseSelection(text: string, window: number): number[] | null {
  const content = extractFirst(text, "important_info");
  return content === null ? null : parseUpstreamIds(content).filter((id) => id <= window);
}

/** The `query` of a JSON object where it is a string, its first element where it is a list; else the text itself. */
function parseQueryText(text: string): unknown {
  try {
    const value: unknown = JSON.parse(replaceNonFinite(text));
    if (typeof value !== "object" || value === null || Array.isArray(value)) return text;
    const query: unknown = (value as Record<string, unknown>).query;
    if (typeof query === "string") return query;
    return Array.isArray(query) && query.length > 0 ? query[0] : text;
  } catch {
    return text;
  }
}

/** Python's JSON knows NaN and Infinity outside of strings. */
const replaceNonFinite = (json: string): string =>
  json.replace(/"(?:[^"\\]|\\[^])*"?|-?\bInfinity\b|\bNaN\b/g, (piece) =>
    piece.startsWith('"') ? piece : "null",
  );

/** Content of the first <tag> that is closed; null where there is none. */
function extractFirst(text: string, tag: string): string | null {
  const open = text.indexOf(`<${tag}>`);
  if (open < 0) return null;
  const start = open + tag.length + 2;
  const close = text.indexOf(`</${tag}>`, start);
  return close < 0 ? null : text.slice(start, close);
}
