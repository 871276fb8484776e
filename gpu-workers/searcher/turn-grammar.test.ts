import { describe, expect, it } from "vitest";
import { renderTurnGrammar } from "./turn-grammar";

/** All texts of a grammar whose alternatives are strings and rules without recursion; `query` is left as a name. */
function listTexts(grammar: string): string[] {
  const rules = new Map(
    grammar
      .trim()
      .split("\n")
      .map(
        (line) =>
          [
            line.slice(0, line.indexOf(":")).replace(/\[.*\]/, ""),
            line.slice(line.indexOf(":") + 1),
          ] as const,
      ),
  );
  const expand = (rule: string): string[] => {
    if (rule === "query") return ["QUERY"];
    return rules
      .get(rule)!
      .split(" | ")
      .flatMap((alternative) =>
        [...alternative.matchAll(/"((?:\\.|[^"\\])*)"|(\w+)/g)].reduce<string[]>(
          (done, [, literal, name]) =>
            done.flatMap((text) =>
              name === undefined
                ? [text + JSON.parse(`"${literal}"`)]
                : expand(name).map((more) => text + more),
            ),
          [""],
        ),
      );
  };
  return expand("start");
}

describe("the grammar of a turn", () => {
  it("allows every ascending selection up to the limit, once", () => {
    const selections = listTexts(
      renderTurnGrammar({ window: 4, select: 2, queryTokens: 8, last: true }),
    );
    expect([...selections].sort()).toEqual(
      ["[]", "[1]", "[2]", "[3]", "[4]", "[1, 2]", "[1, 3]", "[1, 4]", "[2, 3]", "[2, 4]", "[3, 4]"]
        .map((ids) => `<important_info>${ids}</important_info>`)
        .sort(),
    );
  });

  it("ends with a stop decision or a query, except in the last turn", () => {
    expect(
      new Set(listTexts(renderTurnGrammar({ window: 1, select: 3, queryTokens: 8, last: false }))),
    ).toEqual(
      new Set(
        ["[]", "[1]"].flatMap((ids) => [
          `<important_info>${ids}</important_info>\n<search_complete>True</search_complete>`,
          `<important_info>${ids}</important_info>\n<search_complete>False</search_complete>\n<query>{"query": "QUERY"}</query>`,
        ]),
      ),
    );
  });

  it("bounds the query in tokens", () => {
    expect(renderTurnGrammar({ window: 8, select: 3, queryTokens: 14, last: false })).toContain(
      "query[max_tokens=14]:",
    );
  });

  it("knows an empty window", () => {
    expect(
      listTexts(renderTurnGrammar({ window: 0, select: 3, queryTokens: 8, last: true })),
    ).toEqual(["<important_info>[]</important_info>"]);
  });

  it("grows with window x select, not with the number of subsets", () => {
    expect(
      renderTurnGrammar({ window: 50, select: 20, queryTokens: 8, last: false }).length,
    ).toBeLessThan(1_000_000);
  });
});
