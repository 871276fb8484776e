import { afterEach, describe, expect, it } from "vitest";
import { closeEndpoint, listContextIds, runMethod } from "./testing/run-method";

afterEach(closeEndpoint);

describe("Direct and SFT", () => {
  it("ask once, greedily, and take the whole text", async () => {
    for (const method of ["direct", "sft"] as const) {
      const { episode, endpoint, kinds, asked } = await runMethod(method, [
        " William Shakespeare \n",
      ]);
      expect(
        endpoint.requests.map(({ path, body }) => [
          path,
          body.model,
          body.temperature,
          body.max_tokens,
          body.stop,
          body.messages!.at(-1),
        ]),
      ).toEqual([
        [
          "/v1/chat/completions",
          "m",
          0,
          128,
          undefined,
          { role: "user", content: "Who wrote Hamlet?" },
        ],
      ]);
      expect(episode.ownAnswer).toMatchObject({
        model: "m",
        prompt: `${method}/1`,
        text: "William Shakespeare",
      });
      expect([kinds, asked, episode.context, episode.usage]).toEqual([
        ["generate", "stop"],
        [],
        [],
        { calls: 1, promptTokens: 10, completionTokens: 5, costUsd: null },
      ]);
    }
  });
  it("an empty text is no answer, and counted", async () => {
    const { episode, errors } = await runMethod("direct", [{ text: "" }]);
    expect([episode.ownAnswer?.text, errors]).toEqual(["", ["no-answer"]]);
  });
});

describe("chain of thought", () => {
  it("stops at the answer's end and takes the first one, else the whole text", async () => {
    const { episode, endpoint } = await runMethod("cot", [
      "It is a play. <answer>Shakespeare</answer> <answer>Marlowe</answer>",
    ]);
    expect(endpoint.requests[0]!.body.stop).toEqual(["</answer>"]);
    expect(episode.ownAnswer?.text).toBe("Shakespeare");
    expect((await runMethod("cot", ["Shakespeare did."])).episode.ownAnswer?.text).toBe(
      "Shakespeare did.",
    );
    const cut = await runMethod("cot", [{ text: "<answer>Shakes", finish: "length" }]);
    expect([cut.episode.ownAnswer?.text, cut.errors]).toEqual(["<answer>Shakes", ["truncated"]]);
  });
  it("upstream sets no stop", async () => {
    const { episode, endpoint } = await runMethod(
      "cot",
      ["<answer>Shakespeare</answer> <answer>Marlowe</answer>"],
      { protocol: "upstream" },
    );
    expect(endpoint.requests[0]!.body.stop).toBeUndefined();
    expect(episode.ownAnswer?.text).toBe("Shakespeare");
  });
});

describe("R1", () => {
  it("only an answer in tags counts; upstream, which sets no stop, takes the last", async () => {
    const paper = await runMethod("r1", ["<think>x</think><answer> Shakespeare </answer>"]);
    const upstream = await runMethod("r1", ["<answer>a</answer><answer>b</answer>"], {
      protocol: "upstream",
    });
    expect(
      [paper, upstream].map(({ episode, endpoint }) => [
        episode.ownAnswer?.text,
        endpoint.requests[0]!.body.stop,
      ]),
    ).toEqual([
      ["Shakespeare", ["</answer>"]],
      ["b", undefined],
    ]);
    const cut = await runMethod("r1", [{ text: "<think>on and on", finish: "length" }]);
    expect([cut.episode.ownAnswer?.text, cut.errors]).toEqual(["", ["truncated", "no-answer"]]);
  });
});

describe("RAG", () => {
  it("hands over the first documents of the question and asks no model", async () => {
    const { episode, endpoint, asked } = await runMethod("rag", ["never asked"]);
    expect([listContextIds(episode), asked, endpoint.requests]).toEqual([
      ["Who wrote Hamlet? 1", "Who wrote Hamlet? 2", "Who wrote Hamlet? 3"],
      [["Who wrote Hamlet?", 3]],
      [],
    ]);
  });
  it("upstream retrieves 12 and hands over the first", async () => {
    const { episode, asked } = await runMethod("rag", ["never asked"], { protocol: "upstream" });
    expect([listContextIds(episode).length, asked]).toEqual([3, [["Who wrote Hamlet?", 12]]]);
  });
});
