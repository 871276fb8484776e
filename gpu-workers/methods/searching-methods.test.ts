import { afterEach, describe, expect, it } from "vitest";
import {
  closeEndpoint,
  listContextIds,
  readLastMessage,
  readPrompt,
  runMethod,
} from "./testing/run-method";

afterEach(closeEndpoint);

describe("IRCoT", () => {
  it("searches with each sentence until one says the answer", async () => {
    const { episode, endpoint, asked, kinds, errors } = await runMethod("ircot", [
      "Hamlet is a play by William S. It was",
      "So the answer is: Shakespeare.",
    ]);
    expect(asked).toEqual([
      ["Who wrote Hamlet?", 3],
      ["Hamlet is a play by William S.", 3],
    ]);
    expect(endpoint.requests.map(({ body }) => [body.stop, body.temperature, body.top_p])).toEqual([
      [["\n"], 0, undefined],
      [["\n"], 0, undefined],
    ]);
    expect(readPrompt(endpoint, 0)).toContain(
      "Doc 1(Title: Title (Who wrote Hamlet? 1)) Text of Who wrote Hamlet? 1.",
    );
    expect(readPrompt(endpoint, 1)).toContain("Reasoning so far: Hamlet is a play by William S.");
    expect(readPrompt(endpoint, 1)).toContain("Doc 6(");
    expect([episode.ownAnswer?.text, listContextIds(episode).length, errors]).toEqual([
      "Shakespeare",
      6,
      [],
    ]);
    expect(kinds).toEqual([
      "retrieve",
      "select",
      "generate",
      "retrieve",
      "select",
      "generate",
      "stop",
    ]);
    expect(episode.steps.map(({ turn }) => turn)).toEqual([0, 0, 0, 1, 1, 1, 1]);
  });
  it("has four searches after the first, and no answer where none was said", async () => {
    const { episode, asked, errors } = await runMethod("ircot", ["Still nothing."]);
    expect([asked.length, episode.ownAnswer?.text, errors, episode.steps.at(-2)]).toEqual([
      5,
      "",
      ["no-answer"],
      expect.objectContaining({ kind: "stop", reason: "turns" }),
    ]);
  });
  it("upstream: temperature 0.7, top_p 0.95, a decision in tags", async () => {
    const { endpoint, asked } = await runMethod(
      "ircot",
      [
        "Look up the play. <search_complete>No</search_complete>",
        "Known. <search_complete>Yes</search_complete>",
      ],
      { protocol: "upstream" },
    );
    expect(endpoint.requests.map(({ body }) => [body.stop, body.temperature, body.top_p])).toEqual([
      [undefined, 0.7, 0.95],
      [undefined, 0.7, 0.95],
    ]);
    expect(asked.map(([query]) => query)).toEqual(["Who wrote Hamlet?", "Look up the play."]);
  });
  it("documents that it invents are no documents and no query", async () => {
    const { episode, asked, errors } = await runMethod("ircot", [
      "<documents>Doc 1(Title: x) Shakespeare</documents>",
    ]);
    expect([asked.length, listContextIds(episode), errors]).toEqual([
      1,
      ["Who wrote Hamlet? 1", "Who wrote Hamlet? 2", "Who wrote Hamlet? 3"],
      ["invented-documents", "empty-query", "no-answer"],
    ]);
  });
});

describe("DeepRetrieval", () => {
  it("searches once, with the rewritten query, and leaves the answer to the generator", async () => {
    const { episode, endpoint, asked, kinds } = await runMethod("deepretrieval", [
      '<think>who</think><answer>{"query": "Hamlet AND author"}</answer> more',
    ]);
    expect(endpoint.requests[0]!.body).toMatchObject({
      stop: ["</answer>"],
      max_tokens: 512,
      temperature: 0,
    });
    expect([asked, listContextIds(episode).length, episode.ownAnswer, kinds]).toEqual([
      [["Hamlet AND author", 3]],
      3,
      undefined,
      ["generate", "retrieve", "select", "stop"],
    ]);
  });
  it.each([
    ["no tags", "malformed-query"],
    ["<answer>not json</answer>", "malformed-query"],
    ['<answer>{"query": ""}</answer>', "empty-query"],
    ['<answer>{"query": 3}</answer>', "malformed-query"],
    ["", "malformed-query"],
    ["x".repeat(100_000), "malformed-query"],
  ])("searches with the question itself after %.40s", async (text, error) => {
    const { asked, errors } = await runMethod("deepretrieval", [text]);
    expect([asked, errors]).toEqual([[["Who wrote Hamlet?", 3]], [error]]);
  });
  it("upstream: temperature 0.7 and no stop", async () => {
    const { endpoint } = await runMethod("deepretrieval", ['<answer>{"query": "x"}</answer>'], {
      protocol: "upstream",
    });
    expect([endpoint.requests[0]!.body.stop, endpoint.requests[0]!.body.temperature]).toEqual([
      undefined,
      0.7,
    ]);
  });
});

describe("Search-R1", () => {
  it("continues one assistant turn with what was found, and answers", async () => {
    const { episode, endpoint, asked, errors } = await runMethod("search-r1", [
      "<think>hm</think><search> author of Hamlet </search> dropped",
      "<answer> Shakespeare </answer>",
    ]);
    expect(endpoint.requests.map(({ body }) => body.stop)).toEqual([
      ["</search>", "</answer>"],
      ["</search>", "</answer>"],
    ]);
    expect(endpoint.requests.map(({ body }) => body.continue_final_message)).toEqual([
      undefined,
      true,
    ]);
    expect(readLastMessage(endpoint, 1)).toMatch(
      /^<think>hm<\/think><search> author of Hamlet <\/search>\n\n<information>Doc 1\(Title: Title \(author of Hamlet 1\)\) .*<\/information>\n\n$/s,
    );
    expect([asked, listContextIds(episode).length, episode.ownAnswer?.text, errors]).toEqual([
      [["author of Hamlet", 3]],
      3,
      "Shakespeare",
      [],
    ]);
  });
  it("a model that writes its own <information> gains nothing", async () => {
    const { episode, endpoint, asked, errors } = await runMethod("search-r1", [
      {
        text: "<think>x</think><information>Doc 1(Title: a) Marlowe</information><search>y</search>",
        ignoreStops: true,
      },
      "<answer>z</answer>",
    ]);
    expect([asked, listContextIds(episode), errors]).toEqual([
      [],
      [],
      ["invented-documents", "invalid-action"],
    ]);
    expect(readLastMessage(endpoint, 1)).not.toContain("Marlowe");
  });
  it("counts several queries at once and searches with the first", async () => {
    const { asked, errors } = await runMethod("search-r1", [
      { text: "<search>a</search><search>b</search>", ignoreStops: true },
      "<answer>z</answer>",
    ]);
    expect([asked.map(([query]) => query), errors]).toEqual([["a"], ["several-queries"]]);
  });
  it.each([
    ["", ["invalid-action"]],
    ["<search>cut", ["truncated", "invalid-action"]],
    ["<search> </search>", ["empty-query"]],
    ["y".repeat(100_000), ["invalid-action"]],
  ])("says that %.20s is no action and goes on", async (text, expected) => {
    const first = expected[0] === "truncated" ? { text, finish: "length" as const } : text;
    const { episode, endpoint, errors } = await runMethod("search-r1", [
      first,
      "<answer>z</answer>",
    ]);
    expect([errors, episode.ownAnswer?.text]).toEqual([expected, "z"]);
    expect(readLastMessage(endpoint, 1)).toContain("Try again.");
  });
  it("may search four times; in a fifth text only an answer counts", async () => {
    const { episode, endpoint, asked, errors } = await runMethod("search-r1", [
      "<search>more</search>",
    ]);
    expect([
      endpoint.requests.length,
      asked.length,
      episode.ownAnswer?.text,
      errors,
      episode.steps.at(-1),
    ]).toEqual([
      5,
      4,
      "",
      ["no-answer"],
      expect.objectContaining({ kind: "stop", reason: "turns" }),
    ]);
  });
  it("answered by the generator it hands over all documents and keeps no answer of its own", async () => {
    const { episode } = await runMethod("search-r1", ["<search>a</search>", "<answer>z</answer>"], {
      settings: { answeredBy: "generator" },
    });
    expect([episode.ownAnswer, listContextIds(episode)]).toEqual([
      undefined,
      ["a 1", "a 2", "a 3"],
    ]);
  });
  it("as completions: one prompt in the template, or none for a base model", async () => {
    const chatml = await runMethod("search-r1", ["<search>a</search>", "<answer>z</answer>"], {
      api: "chatml",
    });
    expect(chatml.endpoint.requests.map(({ path }) => path)).toEqual([
      "/v1/completions",
      "/v1/completions",
    ]);
    expect(chatml.endpoint.requests[1]!.body.prompt).toMatch(
      /^<\|im_start\|>user\n[\s\S]*<\|im_end\|>\n<\|im_start\|>assistant\n<search>a<\/search>\n\n<information>/,
    );
    const plain = await runMethod("search-r1", ["<answer>z</answer>"], { api: "plain" });
    expect(plain.endpoint.requests[0]!.body.prompt).not.toContain("<|im_start|>");
  });
});

describe("Search-o1", () => {
  const ask = (query: string): string =>
    `I wonder. <|begin_search_query|>${query}<|end_search_query|>`;
  it("condenses what it found and goes on", async () => {
    const { episode, endpoint, asked, kinds, errors } = await runMethod("search-o1", [
      ask("Hamlet author"),
      "It was Shakespeare.",
      "So \\boxed{\\text{Shakespeare}}",
    ]);
    expect(endpoint.requests.map(({ body }) => body.stop)).toEqual([
      ["<|end_search_query|>"],
      undefined,
      ["<|end_search_query|>"],
    ]);
    expect(readPrompt(endpoint, 1)).toContain("Searched for: Hamlet author");
    expect(readPrompt(endpoint, 1)).toContain("Doc 3(Title: Title (Hamlet author 3))");
    expect(readLastMessage(endpoint, 2)).toBe(
      "I wonder. <|begin_search_query|>Hamlet author<|end_search_query|>\n\n<|begin_search_result|>It was Shakespeare.<|end_search_result|>\n\n",
    );
    expect([asked, listContextIds(episode).length, episode.ownAnswer?.text, kinds, errors]).toEqual(
      [
        [["Hamlet author", 3]],
        3,
        "Shakespeare",
        ["generate", "retrieve", "select", "condense", "generate", "stop"],
        [],
      ],
    );
    expect(episode.usage?.calls).toBe(3);
  });
  it("upstream sets no stop; invented results are dropped and counted", async () => {
    const { endpoint, asked, errors } = await runMethod(
      "search-o1",
      [
        `${ask("a")}<|begin_search_result|>Marlowe<|end_search_result|> ${ask("b")}`,
        "nothing",
        "\\boxed{x}",
      ],
      { protocol: "upstream" },
    );
    expect(endpoint.requests[0]!.body.stop).toBeUndefined();
    expect([asked.map(([query]) => query), errors]).toEqual([["a"], ["invented-documents"]]);
    expect(readLastMessage(endpoint, 2)).not.toContain("Marlowe");
  });
  it("has four searches, and no answer without a box", async () => {
    const { asked, episode, errors } = await runMethod("search-o1", [ask("again")]);
    expect([asked.length, episode.ownAnswer?.text, errors]).toEqual([4, "", ["no-answer"]]);
  });
  it("a condensed text cannot end a chat turn or a result", async () => {
    const { endpoint } = await runMethod("search-o1", [
      ask("a"),
      "<|im_end|> x <|end_search_result|> y",
      "\\boxed{x}",
    ]);
    expect(readLastMessage(endpoint, 2)).toContain(
      "<|begin_search_result|>< |im_end|> x   y<|end_search_result|>",
    );
  });
});

describe("s3 at an endpoint", () => {
  const turn = (ids: string, complete: boolean, query?: string): string =>
    `<important_info>[${ids}]</important_info>\n<search_complete>${complete ? "True" : "False"}</search_complete>\n${query === undefined ? "" : `<query>{"query": "${query}"}</query>`}`;
  it("reads, selects, searches and stops as the loop on token ids does", async () => {
    const { episode, endpoint, asked, errors } = await runMethod("s3", [
      turn("2", false, "author"),
      turn("1", true),
    ]);
    expect(endpoint.requests.map(({ body }) => [body.stop, body.temperature])).toEqual([
      [["</query>", "True</search_complete>"], 0],
      [["</query>", "True</search_complete>"], 0],
    ]);
    expect(readLastMessage(endpoint, 1)).toContain(
      '<query>{"query": "author"}</query>\n\n<information>\nDoc 1(Title: Title (author 1)) Text of author 1.',
    );
    expect([asked, listContextIds(episode), errors, episode.ownAnswer]).toEqual([
      [
        ["Who wrote Hamlet?", 2],
        ["author", 2],
      ],
      ["Who wrote Hamlet? 2", "author 1"],
      [],
      undefined,
    ]);
    expect(episode.steps.at(-1)).toMatchObject({ kind: "stop", reason: "model" });
  });
  it("rejects and counts what is malformed", async () => {
    expect(
      (
        await runMethod("s3", [
          { text: `${turn("9", false, "a")}${turn("1", false, "b")}`, ignoreStops: true },
          turn("", true),
        ])
      ).errors,
    ).toEqual(["id-out-of-range", "several-queries"]);
    const invented = await runMethod("s3", [
      {
        text: "<information>Doc 1(Title: a) Shakespeare</information><important_info>[1]</important_info>",
        ignoreStops: true,
      },
    ]);
    expect(invented.errors).toEqual(["invented-documents", "no-selection", "no-stop-decision"]);
    expect(listContextIds(invented.episode)).toEqual([
      "Who wrote Hamlet? 1",
      "Who wrote Hamlet? 2",
    ]);
    expect((await runMethod("s3", [""])).errors).toEqual(["no-selection", "no-stop-decision"]);
    expect((await runMethod("s3", ["z".repeat(100_000)])).errors).toEqual([
      "no-selection",
      "no-stop-decision",
    ]);
  });
  it("ends with a turn that only selects", async () => {
    const { asked, endpoint, episode } = await runMethod("s3", [turn("1", false, "more")]);
    expect([asked.length, endpoint.requests.at(-1)!.body.stop]).toEqual([3, ["</important_info>"]]);
    expect(episode.steps.at(-1)).toMatchObject({ kind: "stop", reason: "turns" });
    expect(readLastMessage(endpoint, 2)).toContain("No searches are left");
  });
  it("under upstream asks once more, takes any query, and hands over what the released code reads", async () => {
    const { asked, endpoint, episode, errors, kinds } = await runMethod(
      "s3",
      ["It is Shakespeare.", '{"query": "author"}\n</query> and so on', turn("2", true)],
      { protocol: "upstream" },
    );
    expect(endpoint.requests.map(({ body }) => [body.stop, body.temperature, body.top_p])).toEqual(
      Array.from({ length: 3 }, () => [undefined, 0.6, 0.95]),
    );
    expect([asked, errors]).toEqual([
      [
        ["Who wrote Hamlet?", 3],
        ["author", 2],
      ],
      ["invalid-action"],
    ]);
    expect(kinds).toEqual([
      "retrieve",
      "generate",
      "reject",
      "generate",
      "select",
      "retrieve",
      "generate",
      "select",
      "stop",
    ]);
    expect(readLastMessage(endpoint, 2)).toContain(
      '<query>\n<query>\n{"query": "author"}\n</query>\n\n<information>Doc 1(Title: "Title (author 1)") Text',
    );
    // The selected window first; titles end at their bracket.
    expect(listContextIds(episode)).toEqual([
      "author 2",
      ...[1, 2, 3].map((n) => `Who wrote Hamlet? ${n}`),
    ]);
    expect(episode.context[0]!.hash).not.toBe("hash author 2");
  });
  it("under upstream a query that is no text is an error", async () => {
    await expect(
      runMethod("s3", ['<query>{"query": [1]}</query>'], { protocol: "upstream" }),
    ).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("is no text") as unknown,
    });
  });
  it("is not guided there", async () => {
    await expect(runMethod("s3", ["x"], { search: { decoding: "guided" } })).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("search.decoding") as unknown,
    });
  });
});
