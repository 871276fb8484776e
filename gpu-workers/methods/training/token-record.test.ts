import fc from "fast-check";
import { expect, it } from "vitest";
import type { Sampled } from "@/contracts/engine/dialect";
import { TokenRecord } from "./token-record";

/** Tokens of up to three characters; id 0 ends a text and writes nothing that a method reads. */
const pieces: string[] = ["<end>"];
const tokenizer = {
  encode: (text: string): number[] =>
    (text.match(/[^]{1,3}/g) ?? []).map((piece) => {
      if (!pieces.includes(piece)) pieces.push(piece);
      return pieces.indexOf(piece);
    }),
  decode: (ids: readonly number[]): string => ids.map((id) => pieces[id]).join(""),
};
const sample = (text: string, ended = false): Sampled => {
  const ids = [...tokenizer.encode(text), ...(ended ? [0] : [])];
  return {
    ids,
    text,
    logprobs: ids.map((_, i) => -i - 1),
    forced: ids.map(() => false),
    finishReason: "stop",
  };
};

/** What the model reads in the second of two calls, and the tokens of both. */
function callTwice(prompt: string, sampled: Sampled, then: string) {
  const record = new TokenRecord(tokenizer);
  record.add(prompt, record.continueWith(prompt).prompt, sampled);
  const { ids, prompt: added } = record.continueWith(prompt + then);
  record.add(prompt + then, added, sample("next"));
  return { ids, added, calls: record.listTokens() };
}

it("goes on from the sampled ids, and only what others wrote is encoded", () => {
  const { added, calls } = callTwice("ask: ", sample("search this"), "search this [found]");
  expect(added.text).toBe(" [found]");
  expect(calls.map(({ fed, mask }) => [fed, mask!.join("")])).toEqual([
    [2, "001111"],
    [3, "00011"],
  ]);
  expect(calls[0]!.logprobs).toEqual([0, 0, -1, -2, -3, -4]);
});

it("drops the tokens behind the part that a method goes on from, also the end of the text", () => {
  // "search t" keeps the tokens "sea" and "rch"; " t" is within a token, so it is encoded again.
  const { added, calls } = callTwice("ask: ", sample("search this and more"), "search t [found]");
  expect([calls[0]!.ids!.length - calls[0]!.fed!, added.text]).toEqual([2, " t [found]"]);
  const ended = callTwice("ask: ", sample("nothing", true), "nothing again");
  expect(tokenizer.decode(ended.ids)).toBe("ask: nothing again");
});

it("what the model reads is always the text that was asked", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.nat({ max: 20 }),
      fc.string(),
      fc.boolean(),
      (prompt, text, cut, after, ended) => {
        const then = text.slice(0, cut) + after;
        const { ids, calls } = callTwice(prompt, sample(text, ended), then);
        expect(tokenizer.decode(ids)).toBe(prompt + then);
        const whole = calls.flatMap((call) => call.ids!);
        expect(whole.slice(0, ids.length)).toEqual(ids);
        for (const { ids: of, mask, logprobs } of calls)
          expect([mask!.length, logprobs!.length]).toEqual([of!.length, of!.length]);
      },
    ),
  );
});

it("a template that changes what stood before is refused, as nothing could be learned from it", () => {
  const record = new TokenRecord(tokenizer);
  record.add("ask: ", record.continueWith("ask: ").prompt, sample("a"));
  expect(() => record.continueWith("asked: a")).toThrow(/chat template/);
});
