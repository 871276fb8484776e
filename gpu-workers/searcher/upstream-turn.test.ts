import { describe, expect, it } from "vitest";
import { parseTurn } from "./protocol";
import { completeUpstreamText, parseUpstreamTurn } from "./upstream-turn";

/**
 * Turns that were tried on the released code, with what it does: a query as JSON, the end, or another try. The numbers are
 * those of the study that tried them.
 */
const RETRY = "retry";
const STOP = "stop";
const search = (query: unknown): { query: unknown } => ({ query });

const query = (text: string): string =>
  `<important_info>[1]</important_info>\n<search_complete>False</search_complete>\n<query>${text}</query>`;
const decision = (text: string): string =>
  `<important_info>[1]</important_info>\n<search_complete>${text}</search_complete>`;
const decisionAndQuery = (text: string): string =>
  `${decision(text)}\n<query>{"query": "q2"}</query>`;

type Case = [number: string, text: string, does: typeof RETRY | typeof STOP | { query: unknown }];

/** Between the tags of a query: what is searched; null: the text itself. */
const QUERIES: [number: number, text: string, searched: unknown][] = [
  [30, '{"query": "x"}', "x"],
  [31, "who is x", null],
  [32, '{"query": ["a","b"]}', "a"],
  [33, '{"q": "x"}', null],
  [34, '{"query": 5}', null],
  [35, '{"query": ""}', ""],
  [36, '{"query": "x",}', null],
  [37, "{'query': 'x'}", null],
  [38, '"x"', null],
  [39, '["x"]', null],
  [40, '{"query": "a\nb"}', null],
  [41, '[{"query":"x"}]', null],
  [42, "null", null],
  [43, '{"query": null}', null],
  [44, '{"query": {"a":1}}', null],
  [45, ' {"query":"x  y"} ', "x  y"],
  [46, '```json\n{"query": "x"}\n```', null],
  [47, "", null],
  [48, '{"Query":"x"}', null],
  [49, "5", null],
];

/** Decisions alone and with a query behind them: an end for both, or another try and a search. */
const DECISIONS: [number: number, word: string, ends: boolean][] = [
  [53, "True", true],
  [55, "true", true],
  [57, "yes", true],
  [59, "1", true],
  [61, "y", true],
  [63, "False", false],
  [65, "no", false],
  [67, "YES ", true],
  [69, "Yes.", false],
  [71, '"True"', false],
  [73, "done", false],
  [75, "complete", false],
  [77, "\nTrue\n", true],
  [79, "0", false],
  [81, "None", false],
  [83, "", false],
];

const WHOLE: Case[] = [
  [
    "50",
    '<important_info>[1]</important_info>\n<search_complete>False</search_complete>\n<query>{"query": "x"}',
    RETRY,
  ],
  [
    "51",
    '<important_info>[1]</important_info>\n{"query": "x"}</query>',
    search('<important_info>[1]</important_info>\n{"query": "x"}'),
  ],
  [
    "52",
    '<important_info>[1]</important_info><query>{"query":"x"}</query><query>{"query":"y"}</query>',
    search("x"),
  ],
  ["85", "I think the answer is Paris.", RETRY],
  ["86", "", RETRY],
  ["87", "<important_info>[1]</important_info>\n<search_complete>True", RETRY],
  [
    "88",
    '<search_complete>False</search_complete><search_complete>True</search_complete><query>{"query": "q2"}</query>',
    search("q2"),
  ],
  [
    "89",
    '<important_info>[1]</important_info><query>{"query": "q2"}</query><search_complete>True</search_complete>',
    search("q2"),
  ],
  ["+2", '\n{"query": "x"}\n</query>', search("x")],
  [
    "+3",
    '<query>\nI would look for x\n{"query": "x"}\n</query>',
    search('I would look for x\n{"query": "x"}'),
  ],
  ["+4", '<query>{"query": []}</query>', search('{"query": []}')],
  ["+5", '<query>{"query": [["a"],"b"]}</query>', search(["a"])],
  ["+6", '<query>{"query": [1,2]}</query>', search(1)],
  ["+7", '<QUERY>{"query": "x"}</QUERY>', RETRY],
  ["+8", '< query >{"query": "x"}</ query >', RETRY],
  ["+9", "<query>true</query>", search("true")],
  ["+10", '<query>{"query": "x", "k": 3}</query>', search("x")],
  ["+11", '<query>"my query"</query>', search('"my query"')],
  ["+12", '<query>["query"]</query>', search('["query"]')],
  [
    "+13",
    '<query>{"query": "x"}</query>\n<information>Doc 1(Title: "Mine") made up</information>',
    search("x"),
  ],
  [
    "+15",
    '<think>the query is hard</think><search_complete>False</search_complete><query>{"query": "x"}</query>',
    search("x"),
  ],
  [
    "+16",
    '<think>I will write <query> soon</think><query>{"query": "x"}</query>',
    search('soon</think><query>{"query": "x"}'),
  ],
];

const CASES: Case[] = [
  ...QUERIES.map(([number, text, searched]): Case => [
    `${number}`,
    query(text),
    search(searched ?? text.trim()),
  ]),
  ...DECISIONS.flatMap(([number, word, ends]): Case[] => [
    [`${number}`, decision(word), ends ? STOP : RETRY],
    [`${number + 1}`, decisionAndQuery(word), ends ? STOP : search("q2")],
  ]),
  ...WHOLE,
];

function parse(text: string) {
  const rules = { window: 8, select: 3, last: false, truncated: false };
  return parseTurn(text, { ...rules, protocol: "upstream" });
}

describe("a turn as the released code reads it", () => {
  it("is tried 74 times", () => {
    expect(new Set(CASES.map(([number]) => number)).size).toBe(CASES.length);
    expect(CASES).toHaveLength(20 + 32 + 22);
  });

  it.each(CASES)("turn %s", (_, text, does) => {
    const turn = parse(text);
    const done =
      turn.complete === true
        ? STOP
        : turn.query !== null
          ? search(turn.query)
          : turn.refusedQuery === undefined
            ? RETRY
            : search(JSON.parse(turn.refusedQuery) as unknown);
    expect(done).toEqual(does);
    expect(turn.errors.includes("invalid-action")).toBe(does === RETRY);
    if (does === STOP) expect(turn.query).toBeNull();
  });

  it("reads numbers of JSON that only Python knows, and a list of nothing but null as no text", () => {
    expect(parse('<query>{"query": "a NaN", "k": [NaN, -Infinity]}</query>').query).toBe("a NaN");
    expect(parse('<query>{"query": [null]}</query>')).toMatchObject({
      query: null,
      refusedQuery: "null",
    });
  });

  it("expects nothing but a selection of the last turn", () => {
    const rules = { window: 8, last: true, truncated: true };
    expect(parseUpstreamTurn("<important_info>[2]", rules)).toEqual({
      selection: null,
      complete: null,
      query: null,
      errors: ["truncated"],
    });
  });

  it("stays in the conversation up to its first query, which is opened where it is not", () => {
    expect(completeUpstreamText("a<query>b</query>c<query>d</query>")).toBe("a<query>b</query>");
    expect(completeUpstreamText("a</query>b<query>c</query>")).toBe("<query>\na</query>");
    expect(completeUpstreamText("a<query>b")).toBe("a<query>b");
  });

  it("takes no time, however long it is", () => {
    const start = performance.now();
    for (const piece of [
      "<query>",
      "<important_info>",
      "1 ",
      '{"query": "',
      '"\\',
      "١",
      "</query>",
    ]) {
      const text = piece.repeat(100_000 / piece.length);
      parse(text);
      parse(`<important_info>${text}</important_info><query>${text}</query>`);
    }
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
