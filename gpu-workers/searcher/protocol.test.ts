import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  countInitialDocuments,
  completeTurnText,
  parseTurn,
  countSearchesAllowed,
  listStopStrings,
  type TurnRules,
} from "./protocol";

const rules: TurnRules = { protocol: "paper", window: 4, select: 3, last: false, truncated: false };
const parse = (text: string, change: Partial<TurnRules> = {}) =>
  parseTurn(text, { ...rules, ...change });

describe("a well-formed turn", () => {
  it("gives selection, decision and query", () => {
    expect(
      parse(
        '<important_info>[1, 3]</important_info>\n<search_complete>False</search_complete>\n<query>{"query": "calling code of Nepal"}</query>',
      ),
    ).toEqual({
      selection: [1, 3],
      complete: false,
      query: "calling code of Nepal",
      errors: [],
    });
  });

  it("keeps the order of the ids, and an empty selection empty", () => {
    expect(
      parse("<important_info>[3,1]</important_info><search_complete>yes</search_complete>"),
    ).toEqual({ selection: [3, 1], complete: true, query: null, errors: [] });
    expect(
      parse("<important_info>[]</important_info><search_complete>1</search_complete>").selection,
    ).toEqual([]);
  });

  it.each(["True", "yes", " 1 ", "Y"])("takes %j as complete, whatever is queried", (word) => {
    const turn = parse(
      `<important_info>[1]</important_info><search_complete>${word}</search_complete><query>{"query": "more"}</query>`,
    );
    expect(turn).toMatchObject({ complete: true, query: null, errors: [] });
  });

  it("expects only a selection in the last turn", () => {
    expect(parse("<important_info>[2]</important_info>", { last: true })).toEqual({
      selection: [2],
      complete: null,
      query: null,
      errors: [],
    });
  });

  it("goes on with a query alone", () => {
    expect(
      parse('<important_info>[1]</important_info><query>{"query": "a"}</query>'),
    ).toMatchObject({ complete: null, query: "a", errors: [] });
  });
});

describe("a malformed turn", () => {
  const next = '<search_complete>False</search_complete><query>{"query": "a"}</query>';
  it.each([
    ["nothing at all", "", null, null, ["no-selection", "no-stop-decision"]],
    ["no selection", next, null, "a", ["no-selection"]],
    [
      "a selection in words",
      `<important_info>the first</important_info>${next}`,
      null,
      "a",
      ["malformed-selection"],
    ],
    [
      "a cut selection",
      "<important_info>[1, 2",
      null,
      null,
      ["malformed-selection", "no-stop-decision"],
    ],
    [
      "ids out of range",
      `<important_info>[0, 2, 9]</important_info>${next}`,
      [2],
      "a",
      ["id-out-of-range"],
    ],
    [
      "too many ids",
      `<important_info>[1, 2, 3, 4]</important_info>${next}`,
      [1, 2, 3],
      "a",
      ["too-many-selected"],
    ],
    ["repeated ids", `<important_info>[2, 2, 1]</important_info>${next}`, [2, 1], "a", []],
    [
      "a query that is no JSON",
      "<important_info>[1]</important_info><query>calling code</query>",
      [1],
      null,
      ["malformed-query"],
    ],
    [
      "a query of the wrong type",
      '<important_info>[1]</important_info><query>{"query": 7}</query>',
      [1],
      null,
      ["malformed-query"],
    ],
    [
      "a cut query",
      '<important_info>[1]</important_info><query>{"query": "call',
      [1],
      null,
      ["malformed-query"],
    ],
    [
      "an empty query",
      '<important_info>[1]</important_info><query>{"query": "  "}</query>',
      [1],
      null,
      ["empty-query"],
    ],
    [
      "several queries",
      '<important_info>[1]</important_info><query>{"query": "a"}</query><query>{"query": "b"}</query>',
      [1],
      "a",
      ["several-queries"],
    ],
    [
      "invented documents",
      '<important_info>[1]</important_info><information>Doc 1: 42</information><important_info>[1, 2]</important_info><query>{"query": "a"}</query>',
      [1],
      null,
      ["invented-documents", "no-stop-decision"],
    ],
    [
      "an undecided decision",
      "<important_info>[1]</important_info><search_complete>perhaps</search_complete>",
      [1],
      null,
      ["no-stop-decision"],
    ],
  ])("%s", (_, text, selection, query, errors) => {
    const turn = parse(text);
    expect(turn).toMatchObject({ selection, query });
    expect([...turn.errors].sort()).toEqual([...errors].sort());
  });

  it("counts the token limit", () => {
    expect(parse("<important_info>[1", { truncated: true }).errors).toContain("truncated");
  });

  it.each([
    "<important_info>",
    "<query>",
    '<query>{"query": "',
    "[1, ",
    "<information>",
    " ",
    "\n",
    "1 ",
    "1,",
    "[",
    "]",
  ])("100 KB of %j take no time", (piece) => {
    const text = piece.repeat(Math.ceil(100_000 / piece.length));
    const start = performance.now();
    parse(text);
    parse(`<important_info>${text}</important_info><query>${text}</query>`);
    expect(parse(`<important_info>${text}x</important_info>`).errors).toContain(
      "malformed-selection",
    );
    expect(performance.now() - start).toBeLessThan(500);
  });

  it("never throws and never selects what is not in the window", () => {
    const piece = fc.constantFrom(
      "<important_info>",
      "</important_info>",
      "[1, 2]",
      "9",
      ",",
      "<query>",
      '{"query": "x"}',
      "</query>",
      "<search_complete>",
      "True",
      "False",
      "</search_complete>",
      "<information>",
      "\n",
    );
    const text = fc
      .array(fc.oneof(piece, fc.string({ maxLength: 5 })), { maxLength: 40 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(
        text,
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        fc.constantFrom("paper" as const, "upstream" as const),
        (t, window, select, last, protocol) => {
          const turn = parseTurn(t, { protocol, window, select, last, truncated: false });
          if (turn.selection !== null) {
            expect(turn.selection.length).toBeLessThanOrEqual(protocol === "paper" ? select : 8);
            expect(new Set(turn.selection).size).toBe(turn.selection.length);
            for (const id of turn.selection) expect(id >= 1 && id <= window).toBe(true);
          }
          if (turn.complete === true || last) expect(turn.query).toBeNull();
          if (turn.query !== null && protocol === "paper") expect(turn.query.trim()).not.toBe("");
        },
      ),
    );
  });
});

it("what stays in the conversation ends with the first query, and in `paper` before imitated documents", () => {
  const [query, fake] = ['a <query>{"query": "b"}</query>', "<information>Doc 1: c</information>"];
  for (const protocol of ["paper", "upstream"] as const)
    expect(completeTurnText(query + fake, protocol)).toBe(query);
  expect([
    completeTurnText(fake + query, "paper"),
    completeTurnText(fake + query, "upstream"),
  ]).toEqual(["", fake + query]);
});

describe("the upstream protocol", () => {
  const upstream = (text: string) => parse(text, { protocol: "upstream" });
  it("drops ids out of range and keeps the whole window without a word", () => {
    expect(
      upstream('<important_info>[2, 9]</important_info><query>{"query": "a"}</query>'),
    ).toEqual({ selection: [2], complete: null, query: "a", errors: [] });
    expect(upstream('<query>{"query": "a"}</query>')).toEqual({
      selection: null,
      complete: null,
      query: "a",
      errors: [],
    });
  });
  it("cuts the text after its first query, and counts a block of documents that the searcher wrote", () => {
    expect(
      upstream('<query>{"query": "a"}</query><important_info>[1]</important_info>').selection,
    ).toBeNull();
    expect(
      upstream(
        '<information>Doc 1: x</information><important_info>[1]</important_info><query>{"query": "a"}</query>',
      ),
    ).toMatchObject({ selection: [1], query: "a", errors: ["invented-documents"] });
  });
  it("searches once more, shows other numbers of first documents, stops at a query alone", () => {
    expect(countSearchesAllowed({ protocol: "upstream", turns: 3 })).toBe(4);
    expect(countSearchesAllowed({ protocol: "paper", turns: 3 })).toBe(3);
    expect(countInitialDocuments({ protocol: "upstream", retrieve: 8 }, true)).toBe(12);
    expect(countInitialDocuments({ protocol: "upstream", retrieve: 8 }, false)).toBe(3);
    expect(countInitialDocuments({ protocol: "paper", retrieve: 8 }, true)).toBe(8);
    for (const last of [false, true])
      expect(listStopStrings("upstream", last)).toEqual(["</query>"]);
    expect(listStopStrings("paper", false)).toContain("</query>");
    expect(listStopStrings("paper", true)).toContain("<information>");
  });
});
