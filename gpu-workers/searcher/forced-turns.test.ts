import { describe, expect, it } from "vitest";
import { joinForced, replaceQuery, writeForcedText } from "./forced-turns";
import { parseTurn } from "./protocol";

const window = ["a", "b", "c"].map((id) => ({ id, hash: id, score: 1 }));
const rules = {
  protocol: "paper",
  window: 3,
  select: 3,
  last: false,
  truncated: false,
} as const;

describe("a text that is given", () => {
  it("is the recorded one, or the recorded one with another query in place of query or end", () => {
    const text = "<important_info>[2]</important_info>\n<search_complete>True</search_complete>";
    expect(writeForcedText({ text }, window, { decoding: "guided" }, false)).toEqual({
      text,
      isWhole: true,
    });
    for (const recorded of [
      text,
      '<important_info>[2]</important_info>\n<query>{"query": "old"}</query>',
    ])
      expect(parseTurn(replaceQuery(recorded, 'a "new" one'), rules)).toEqual({
        selection: [2],
        complete: false,
        query: 'a "new" one',
        errors: [],
      });
  });

  it("is a selection by positions in the window, behind which the searcher writes on", () => {
    const forced = { selected: ["c", "a"] };
    expect(writeForcedText(forced, window, { decoding: "guided" }, false)).toEqual({
      text: "<important_info>[1, 3]</important_info>\n",
      isWhole: false,
    });
    expect(writeForcedText(forced, window, { decoding: "guided" }, true)).toEqual({
      text: "<important_info>[1, 3]</important_info>",
      isWhole: true,
    });
    expect(writeForcedText(undefined, window, { decoding: "free" }, false)).toBeNull();
  });

  it("was not chosen by the policy; what follows it was", () => {
    const tokenizer = { encode: (text: string) => [...text].map((c) => c.charCodeAt(0)) };
    const sampled = {
      ids: [67],
      logprobs: [-0.5],
      entropies: [0.7],
      forced: [false],
      finishReason: "guide" as const,
      text: "C",
    };
    expect(joinForced(tokenizer, "AB", sampled)).toEqual({
      ids: [65, 66, 67],
      logprobs: [0, 0, -0.5],
      entropies: [0, 0, 0.7],
      forced: [true, true, false],
      finishReason: "guide",
      text: "ABC",
    });
    expect(joinForced(tokenizer, "AB", null)).toMatchObject({ text: "AB", forced: [true, true] });
    expect(joinForced(tokenizer, "", sampled)).toBe(sampled);
  });
});
