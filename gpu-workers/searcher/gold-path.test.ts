import { describe, expect, it } from "vitest";
import { parseTurn } from "./protocol";
import { planGoldTurn } from "./gold-path";

const question = { goldIds: ["a", "b"], goldQueries: ["calling code of Nepal"] };
const settings = { select: 3, protocol: "paper" as const, turns: 1 };
const window = (...ids: string[]) => ids.map((id) => ({ id }));

describe("a gold path", () => {
  it("keeps what is gold and asks for the rest", () => {
    const found = new Set<string>();
    expect(planGoldTurn(question, window("x", "a", "y"), found, 0, settings)).toEqual({
      text: '<important_info>[2]</important_info>\n<search_complete>False</search_complete>\n<query>{"query": "calling code of Nepal"}</query>',
      query: "calling code of Nepal",
    });
    expect(planGoldTurn(question, window("a", "b"), found, 1, settings)).toEqual({
      text: "<important_info>[2]</important_info>",
      query: null,
    });
  });

  it("stops once all gold documents are found", () => {
    expect(planGoldTurn(question, window("b", "a"), new Set(), 0, settings)).toEqual({
      text: "<important_info>[1, 2]</important_info>\n<search_complete>True</search_complete>",
      query: null,
    });
  });

  it("keeps nothing where nothing is gold", () => {
    expect(planGoldTurn(question, window("x"), new Set(), 1, settings).text).toBe(
      "<important_info>[]</important_info>",
    );
  });

  it("stops where no gold query is left", () => {
    expect(
      planGoldTurn(question, window("x"), new Set(), 1, { ...settings, turns: 3 }).text,
    ).toContain("True");
  });

  it("writes turns that the protocol reads without an error, whatever the query holds", () => {
    const { text, query } = planGoldTurn(
      { ...question, goldQueries: ['a "quoted" <tag> \\ back'] },
      window("a"),
      new Set(),
      0,
      settings,
    );
    expect(query).toBe("a quoted tag> back");
    expect(
      parseTurn(text, { protocol: "paper", window: 1, select: 3, last: false, truncated: false }),
    ).toEqual({ selection: [1], complete: false, query, errors: [] });
  });
});
