import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hashDocument } from "@/core/episode/document-hash";
import { SHARED_DIR } from "@/lib/testing/shared";
import { parseTurn } from "./protocol";
import { listUpstreamContext, renderUpstreamFirstWindow } from "./upstream-context";

/** Every turn of the table of upstream's behaviour, read in place, so that no copy of it can be wrong. */

const REFERENCE = join(SHARED_DIR, "reference", "upstream-differences.md");
const isAbsent = !existsSync(REFERENCE);
const reference = isAbsent ? "" : readFileSync(REFERENCE, "utf8");

const SELECTED = "<important_info>[1]</important_info>\n";
const QUERY = '\n<query>{"query": "q2"}</query>';
const decide = (text: string): string => `${SELECTED}<search_complete>${text}</search_complete>`;
/** What surrounds the part that varies. */
const FORMS: Record<string, (text: string) => string> = {
  Q: (text) => `${SELECTED}<search_complete>False</search_complete>\n<query>${text}</query>`,
  C: decide,
  "C+": (text) => decide(text) + QUERY,
  S: (text) =>
    `<important_info>${text}</important_info>\n<search_complete>False</search_complete>${QUERY}`,
  "whole text": (text) => text,
};

/** A JSON text between backticks. */
const unquote = (code: string): unknown =>
  JSON.parse(code.replace(/^`+ ?/, "").replace(/ ?`+$/, "")) as unknown;

/** Turn, text, and what upstream does with it, of the table of a section. */
function listTurns(section: string): [turn: string, text: string, upstream: string][] {
  const [, body = ""] = reference.split(`\n## (${section}) `);
  const rows = body
    .split("\n## ")[0]!
    .matchAll(/^\| (\+?\d+) \| (Q|C\+?|S|whole text) (`.*?`+) \| (.*?) \| /gm);
  return [...rows].map(([, turn, form, code, upstream]) => [
    turn!,
    FORMS[form!]!(unquote(code!) as string),
    upstream!,
  ]);
}

const RULES = {
  window: 8,
  select: 3,
  last: false,
  truncated: false,
  protocol: "upstream",
} as const;

function describeTurn(text: string): string {
  const { complete, query, refusedQuery } = parseTurn(text, RULES);
  if (complete === true) return "stop";
  if (query !== null) return `search ${JSON.stringify(query)}`;
  return refusedQuery === undefined ? "retry" : `search ${refusedQuery}`;
}

const DOCUMENTS = Array.from({ length: 8 }, (_, i) => {
  const document = { title: `Title ${i + 1}`, text: `Text ${i + 1}.` };
  return { ...document, id: `${i + 1}`, hash: hashDocument(document), score: 1 };
});
const ALL = DOCUMENTS.map(({ id }) => id).join(", ");

/** The documents that are handed over of a window of eight. */
function describeContext(text: string): string {
  const read = text.slice(0, text.indexOf("</query>") + "</query>".length);
  const kept = listUpstreamContext(renderUpstreamFirstWindow(DOCUMENTS) + read, [DOCUMENTS]);
  const ids = kept.map(({ id, score }) => (score === null ? "own" : id));
  return ids.length === 0 ? "none" : ids.join(", ");
}

const note = isAbsent ? " (skipped: ../shared/reference is absent)" : "";

describe(`a turn${note}`, () => {
  const turns = listTurns("a");
  it.skipIf(isAbsent)("is tried 74 times", () => expect(turns).toHaveLength(74));
  it.each(turns)("%s does what the released code does", (_, text, upstream) =>
    expect(describeTurn(text)).toBe(
      upstream.replace(/(?<=^search )(`.*)$/, (code) => JSON.stringify(unquote(code))),
    ),
  );
});

describe(`a selection${note}`, () => {
  const turns = listTurns("b");
  it.skipIf(isAbsent)("is tried 37 times", () => expect(turns).toHaveLength(37));
  it.each(turns)("%s keeps what the released code keeps", (_, text, upstream) =>
    expect(describeContext(text)).toBe(upstream.replace(/^all$/, ALL)),
  );
});
