import { afterEach, describe, expect, it } from "vitest";
import type { Episode, MethodName, Protocol } from "@/contracts/records/episode";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";
import { DocumentStore } from "@/gpu-workers/retrieval/corpus/document-store";
import { ScriptedEndpoint, type ScriptedReply } from "@/gpu-workers/testing/scripted-endpoint";
import { openMethod, openOwnModel } from "./open-method";

const document = (id: string): RankedDocument => ({
  id,
  hash: `hash ${id}`,
  title: `Title (${id})`,
  text: `Text of ${id}.`,
  score: 1,
});
const QUESTION: Question = {
  id: "q1",
  question: "Who wrote Hamlet?",
  answers: ["Shakespeare"],
  goldIds: [],
  type: null,
  group: null,
  goldQueries: [],
};

/** Finds documents "QUERY 1", "QUERY 2", ..., and keeps what was asked. */
function scriptedRetriever(): Retriever & { asked: [string, number][] } {
  const asked: [string, number][] = [];
  return {
    asked,
    search: (queries, k) =>
      Promise.resolve(
        queries.map(
          (query) => (
            asked.push([query, k]),
            Array.from({ length: k }, (_, i) => document(`${query} ${i + 1}`))
          ),
        ),
      ),
    getDocuments: (ids) => Promise.resolve(ids.map(document)),
    describe: () => ({ kind: "remote", key: "scripted", title: "scripted", documents: null }),
    close: () => Promise.resolve(),
  };
}

let endpoint: ScriptedEndpoint | null = null;
afterEach(async () => {
  await endpoint?.close();
  endpoint = null;
});

interface Played {
  episode: Episode;
  endpoint: ScriptedEndpoint;
  asked: [string, number][];
  errors: string[];
  kinds: string[];
}

/** Runs a method on one question against known replies. */
async function play(
  method: MethodName,
  replies: readonly ScriptedReply[],
  options: {
    protocol?: Protocol;
    settings?: object;
    search?: object;
    api?: string;
    connection?: object;
    question?: Question;
  } = {},
): Promise<Played> {
  await endpoint?.close();
  endpoint = await ScriptedEndpoint.start(replies);
  const config = predictConfigSchema.parse({
    kind: "predict",
    name: "test",
    seed: 7,
    method,
    methodSettings: options.settings ?? {},
    search: {
      protocol: options.protocol ?? "paper",
      retrieve: 2,
      select: 1,
      turns: 2,
      ...options.search,
    },
    searcher: {
      model: "m",
      endpoint: endpoint.url,
      api: options.api ?? "chat",
      connection: { retrySeconds: 0, ...options.connection },
    },
  });
  const retriever = scriptedRetriever();
  const question = options.question ?? QUESTION;
  const signal = new AbortController().signal;
  const own = await openOwnModel(
    config,
    { signal, fetchCheckpoint: () => Promise.reject(new Error("no checkpoint here")) },
    null,
  );
  const opened = await openMethod(config, {
    context: { readAnsweredQuestions: () => Promise.resolve(new Map([["q1", 5]])) },
    retriever,
    own,
    questions: [question],
    documents: new DocumentStore(),
  });
  const [episode] = await opened.run([question], signal);
  return {
    episode: episode!,
    endpoint,
    asked: retriever.asked,
    errors: episode!.steps.flatMap((step) => (step.kind === "reject" ? [step.error] : [])),
    kinds: episode!.steps.map(({ kind }) => kind),
  };
}
const idsOf = ({ context }: Episode): string[] => context.map(({ id }) => id);
const told = (endpoint: ScriptedEndpoint, call: number): string =>
  endpoint.requests[call]!.body.messages!.map(({ content }) => content).join("\n");
const assistant = (endpoint: ScriptedEndpoint, call: number): string =>
  endpoint.requests[call]!.body.messages!.at(-1)!.content;

describe("Direct and SFT", () => {
  it("ask once, greedily, and take the whole text", async () => {
    for (const method of ["direct", "sft"] as const) {
      const { episode, endpoint, kinds, asked } = await play(method, [" William Shakespeare \n"]);
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
    const { episode, errors } = await play("direct", [{ text: "" }]);
    expect([episode.ownAnswer?.text, errors]).toEqual(["", ["no-answer"]]);
  });
});

describe("chain of thought", () => {
  it("stops at the answer's end and takes the first one, else the whole text", async () => {
    const { episode, endpoint } = await play("cot", [
      "It is a play. <answer>Shakespeare</answer> <answer>Marlowe</answer>",
    ]);
    expect(endpoint.requests[0]!.body.stop).toEqual(["</answer>"]);
    expect(episode.ownAnswer?.text).toBe("Shakespeare");
    expect((await play("cot", ["Shakespeare did."])).episode.ownAnswer?.text).toBe(
      "Shakespeare did.",
    );
    const cut = await play("cot", [{ text: "<answer>Shakes", finish: "length" }]);
    expect([cut.episode.ownAnswer?.text, cut.errors]).toEqual(["<answer>Shakes", ["truncated"]]);
  });
  it("upstream sets no stop", async () => {
    const { episode, endpoint } = await play(
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
    const paper = await play("r1", ["<think>x</think><answer> Shakespeare </answer>"]);
    const upstream = await play("r1", ["<answer>a</answer><answer>b</answer>"], {
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
    const cut = await play("r1", [{ text: "<think>on and on", finish: "length" }]);
    expect([cut.episode.ownAnswer?.text, cut.errors]).toEqual(["", ["truncated", "no-answer"]]);
  });
});

describe("RAG", () => {
  it("hands over the first documents of the question and asks no model", async () => {
    const { episode, endpoint, asked } = await play("rag", ["never asked"]);
    expect([idsOf(episode), asked, endpoint.requests]).toEqual([
      ["Who wrote Hamlet? 1", "Who wrote Hamlet? 2", "Who wrote Hamlet? 3"],
      [["Who wrote Hamlet?", 3]],
      [],
    ]);
  });
  it("upstream retrieves 12 and hands over the first", async () => {
    const { episode, asked } = await play("rag", ["never asked"], { protocol: "upstream" });
    expect([idsOf(episode).length, asked]).toEqual([3, [["Who wrote Hamlet?", 12]]]);
  });
});

describe("IRCoT", () => {
  it("searches with each sentence until one says the answer", async () => {
    const { episode, endpoint, asked, kinds, errors } = await play("ircot", [
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
    expect(told(endpoint, 0)).toContain(
      "Doc 1(Title: Title (Who wrote Hamlet? 1)) Text of Who wrote Hamlet? 1.",
    );
    expect(told(endpoint, 1)).toContain("Reasoning so far: Hamlet is a play by William S.");
    expect(told(endpoint, 1)).toContain("Doc 6(");
    expect([episode.ownAnswer?.text, idsOf(episode).length, errors]).toEqual([
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
    const { episode, asked, errors } = await play("ircot", ["Still nothing."]);
    expect([asked.length, episode.ownAnswer?.text, errors, episode.steps.at(-2)]).toEqual([
      5,
      "",
      ["no-answer"],
      expect.objectContaining({ kind: "stop", reason: "turns" }),
    ]);
  });
  it("upstream: temperature 0.7, top_p 0.95, a decision in tags", async () => {
    const { endpoint, asked } = await play(
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
    const { episode, asked, errors } = await play("ircot", [
      "<documents>Doc 1(Title: x) Shakespeare</documents>",
    ]);
    expect([asked.length, idsOf(episode), errors]).toEqual([
      1,
      ["Who wrote Hamlet? 1", "Who wrote Hamlet? 2", "Who wrote Hamlet? 3"],
      ["invented-documents", "empty-query", "no-answer"],
    ]);
  });
});

describe("DeepRetrieval", () => {
  it("searches once, with the rewritten query, and leaves the answer to the generator", async () => {
    const { episode, endpoint, asked, kinds } = await play("deepretrieval", [
      '<think>who</think><answer>{"query": "Hamlet AND author"}</answer> more',
    ]);
    expect(endpoint.requests[0]!.body).toMatchObject({
      stop: ["</answer>"],
      max_tokens: 512,
      temperature: 0,
    });
    expect([asked, idsOf(episode).length, episode.ownAnswer, kinds]).toEqual([
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
    const { asked, errors } = await play("deepretrieval", [text]);
    expect([asked, errors]).toEqual([[["Who wrote Hamlet?", 3]], [error]]);
  });
  it("upstream: temperature 0.7 and no stop", async () => {
    const { endpoint } = await play("deepretrieval", ['<answer>{"query": "x"}</answer>'], {
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
    const { episode, endpoint, asked, errors } = await play("search-r1", [
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
    expect(assistant(endpoint, 1)).toMatch(
      /^<think>hm<\/think><search> author of Hamlet <\/search>\n\n<information>Doc 1\(Title: Title \(author of Hamlet 1\)\) .*<\/information>\n\n$/s,
    );
    expect([asked, idsOf(episode).length, episode.ownAnswer?.text, errors]).toEqual([
      [["author of Hamlet", 3]],
      3,
      "Shakespeare",
      [],
    ]);
  });
  it("a model that writes its own <information> gains nothing", async () => {
    const { episode, endpoint, asked, errors } = await play("search-r1", [
      {
        text: "<think>x</think><information>Doc 1(Title: a) Marlowe</information><search>y</search>",
        ignoreStops: true,
      },
      "<answer>z</answer>",
    ]);
    expect([asked, idsOf(episode), errors]).toEqual([
      [],
      [],
      ["invented-documents", "invalid-action"],
    ]);
    expect(assistant(endpoint, 1)).not.toContain("Marlowe");
  });
  it("counts several queries at once and searches with the first", async () => {
    const { asked, errors } = await play("search-r1", [
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
    const { episode, endpoint, errors } = await play("search-r1", [first, "<answer>z</answer>"]);
    expect([errors, episode.ownAnswer?.text]).toEqual([expected, "z"]);
    expect(assistant(endpoint, 1)).toContain("Try again.");
  });
  it("may search four times; in a fifth text only an answer counts", async () => {
    const { episode, endpoint, asked, errors } = await play("search-r1", ["<search>more</search>"]);
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
    const { episode } = await play("search-r1", ["<search>a</search>", "<answer>z</answer>"], {
      settings: { answeredBy: "generator" },
    });
    expect([episode.ownAnswer, idsOf(episode)]).toEqual([undefined, ["a 1", "a 2", "a 3"]]);
  });
  it("as completions: one prompt in the template, or none for a base model", async () => {
    const chatml = await play("search-r1", ["<search>a</search>", "<answer>z</answer>"], {
      api: "chatml",
    });
    expect(chatml.endpoint.requests.map(({ path }) => path)).toEqual([
      "/v1/completions",
      "/v1/completions",
    ]);
    expect(chatml.endpoint.requests[1]!.body.prompt).toMatch(
      /^<\|im_start\|>user\n[\s\S]*<\|im_end\|>\n<\|im_start\|>assistant\n<search>a<\/search>\n\n<information>/,
    );
    const plain = await play("search-r1", ["<answer>z</answer>"], { api: "plain" });
    expect(plain.endpoint.requests[0]!.body.prompt).not.toContain("<|im_start|>");
  });
});

describe("Search-o1", () => {
  const ask = (query: string): string =>
    `I wonder. <|begin_search_query|>${query}<|end_search_query|>`;
  it("condenses what it found and goes on", async () => {
    const { episode, endpoint, asked, kinds, errors } = await play("search-o1", [
      ask("Hamlet author"),
      "It was Shakespeare.",
      "So \\boxed{\\text{Shakespeare}}",
    ]);
    expect(endpoint.requests.map(({ body }) => body.stop)).toEqual([
      ["<|end_search_query|>"],
      undefined,
      ["<|end_search_query|>"],
    ]);
    expect(told(endpoint, 1)).toContain("Searched for: Hamlet author");
    expect(told(endpoint, 1)).toContain("Doc 3(Title: Title (Hamlet author 3))");
    expect(assistant(endpoint, 2)).toBe(
      "I wonder. <|begin_search_query|>Hamlet author<|end_search_query|>\n\n<|begin_search_result|>It was Shakespeare.<|end_search_result|>\n\n",
    );
    expect([asked, idsOf(episode).length, episode.ownAnswer?.text, kinds, errors]).toEqual([
      [["Hamlet author", 3]],
      3,
      "Shakespeare",
      ["generate", "retrieve", "select", "condense", "generate", "stop"],
      [],
    ]);
    expect(episode.usage?.calls).toBe(3);
  });
  it("upstream sets no stop; invented results are dropped and counted", async () => {
    const { endpoint, asked, errors } = await play(
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
    expect(assistant(endpoint, 2)).not.toContain("Marlowe");
  });
  it("has four searches, and no answer without a box", async () => {
    const { asked, episode, errors } = await play("search-o1", [ask("again")]);
    expect([asked.length, episode.ownAnswer?.text, errors]).toEqual([4, "", ["no-answer"]]);
  });
  it("a condensed text cannot end a chat turn or a result", async () => {
    const { endpoint } = await play("search-o1", [
      ask("a"),
      "<|im_end|> x <|end_search_result|> y",
      "\\boxed{x}",
    ]);
    expect(assistant(endpoint, 2)).toContain(
      "<|begin_search_result|>< |im_end|> x   y<|end_search_result|>",
    );
  });
});

describe("s3 at an endpoint", () => {
  const turn = (ids: string, complete: boolean, query?: string): string =>
    `<important_info>[${ids}]</important_info>\n<search_complete>${complete ? "True" : "False"}</search_complete>\n${query === undefined ? "" : `<query>{"query": "${query}"}</query>`}`;
  it("reads, selects, searches and stops as the loop on token ids does", async () => {
    const { episode, endpoint, asked, errors } = await play("s3", [
      turn("2", false, "author"),
      turn("1", true),
    ]);
    expect(endpoint.requests.map(({ body }) => [body.stop, body.temperature])).toEqual([
      [["</query>", "True</search_complete>"], 0],
      [["</query>", "True</search_complete>"], 0],
    ]);
    expect(assistant(endpoint, 1)).toContain(
      '<query>{"query": "author"}</query>\n\n<information>\nDoc 1(Title: Title (author 1)) Text of author 1.',
    );
    expect([asked, idsOf(episode), errors, episode.ownAnswer]).toEqual([
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
        await play("s3", [
          { text: `${turn("9", false, "a")}${turn("1", false, "b")}`, ignoreStops: true },
          turn("", true),
        ])
      ).errors,
    ).toEqual(["id-out-of-range", "several-queries"]);
    const invented = await play("s3", [
      {
        text: "<information>Doc 1(Title: a) Shakespeare</information><important_info>[1]</important_info>",
        ignoreStops: true,
      },
    ]);
    expect(invented.errors).toEqual(["invented-documents", "no-selection", "no-stop-decision"]);
    expect(idsOf(invented.episode)).toEqual(["Who wrote Hamlet? 1", "Who wrote Hamlet? 2"]);
    expect((await play("s3", [""])).errors).toEqual(["no-selection", "no-stop-decision"]);
    expect((await play("s3", ["z".repeat(100_000)])).errors).toEqual([
      "no-selection",
      "no-stop-decision",
    ]);
  });
  it("ends with a turn that only selects", async () => {
    const { asked, endpoint, episode } = await play("s3", [turn("1", false, "more")]);
    expect([asked.length, endpoint.requests.at(-1)!.body.stop]).toEqual([3, ["</important_info>"]]);
    expect(episode.steps.at(-1)).toMatchObject({ kind: "stop", reason: "turns" });
    expect(assistant(endpoint, 2)).toContain("No searches are left");
  });
  it("is not guided there", async () => {
    await expect(play("s3", ["x"], { search: { decoding: "guided" } })).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("search.decoding") as unknown,
    });
  });
});

describe("prompts", () => {
  const template = "--- system ---\nBe brief.\n--- user ---\nQ: {question}";
  it("an edited one is used, named by its hash, and part of the key", async () => {
    const built = await play("direct", ["x"]);
    const edited = await play("direct", ["x"], { settings: { promptTemplate: template } });
    expect(edited.endpoint.requests[0]!.body.messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Q: Who wrote Hamlet?" },
    ]);
    expect(edited.episode.ownAnswer?.prompt).toMatch(/^direct\/edited-[0-9a-f]{16}$/);
    expect(edited.episode.key).not.toBe(built.episode.key);
  });
  it("Search-o1's second one condenses what was found, and is part of the key", async () => {
    const replies = ["<|begin_search_query|>a<|end_search_query|>", "short", "\\boxed{x}"];
    const built = await play("search-o1", replies);
    const edited = await play("search-o1", replies, {
      settings: { condensingPrompt: "Of {query}, after {reasoning}: {documents}" },
    });
    expect(told(built.endpoint, 1)).toContain("Reasoning so far:");
    expect(told(edited.endpoint, 1)).toMatch(/^Of a, after .*: Doc 1/s);
    expect(edited.episode.key).not.toBe(built.episode.key);
  });
  it("s3 takes one, too", async () => {
    const { endpoint } = await play(
      "s3",
      ["<important_info>[1]</important_info><search_complete>True</search_complete>"],
      { settings: { promptTemplate: "Look: {question}\n{information}" } },
    );
    expect(told(endpoint, 0)).toMatch(/^Look: Who wrote Hamlet\?\n<information>\nDoc 1/);
  });
  it.each([
    ["direct", "no placeholder", "the placeholder {question} is missing"],
    ["direct", "{question} {documents}", "{documents} is no placeholder"],
    ["search-r1", "--- assistant ---\nx\n--- user ---\n{question}", "must be the last one"],
    ["rag", "{question}", "no such prompt"],
    ["ircot", "{query} {documents}", "no such prompt", "condensingPrompt"],
    [
      "search-o1",
      "{query} {documents}",
      "the placeholder {reasoning} is missing",
      "condensingPrompt",
    ],
  ])("%s refuses %j", (method, text, message, setting = "promptTemplate") => {
    const parsed = predictConfigSchema.safeParse({
      kind: "predict",
      name: "x",
      seed: 0,
      method,
      methodSettings: { [setting]: text },
    });
    expect(parsed.error?.issues.map((issue) => [issue.path.join("."), issue.message])).toEqual([
      [`methodSettings.${setting}`, expect.stringContaining(message)],
    ]);
  });
  it("a question cannot write a placeholder or a special token", async () => {
    const { endpoint } = await play("direct", ["x"]);
    expect(told(endpoint, 0)).not.toContain("{");
  });
});

/** What any model may write, for every method and protocol: an episode comes of it, and only the retriever gives documents. */
const MALFORMED: readonly [string, string][] = [
  [
    "cut tags",
    '<query>{"query": "half <search>half <answer>half <|begin_search_query|>half <important_info>[1',
  ],
  [
    "several queries at once",
    '<query>{"query": "one"}</query><query>{"query": "two"}</query><search>one</search><search>two</search><|begin_search_query|>one<|end_search_query|><|begin_search_query|>two<|end_search_query|>',
  ],
  [
    "invented documents",
    "<information>Doc 1(Title: Marlowe) Marlowe wrote it.</information><documents>Doc 1(Title: Marlowe)</documents><|begin_search_result|>Marlowe<|end_search_result|><important_info>[1]</important_info>",
  ],
  [
    "a query, then invented documents",
    '<query>{"query": "one"}</query><search>one</search><|begin_search_query|>one<|end_search_query|><information>Doc 1(Title: Marlowe) Marlowe wrote it.</information>',
  ],
  [
    "ids out of range",
    "<important_info>[0, 9, -1, 1e9, 2]</important_info><search_complete>False</search_complete>",
  ],
  ["nothing", ""],
  ["100 KB", "<".repeat(50_000) + "word ".repeat(10_000)],
];
const ASKING = [
  "s3",
  "direct",
  "cot",
  "ircot",
  "deepretrieval",
  "search-r1",
  "search-o1",
  "r1",
  "sft",
] as const satisfies readonly MethodName[];

describe.each(ASKING)("%s, whatever the model writes", (method) => {
  for (const protocol of ["paper", "upstream"] as const)
    it.each(MALFORMED)(`${protocol}: %s`, async (what, text) => {
      const {
        episode,
        endpoint: server,
        asked,
      } = await play(method, [{ text, ignoreStops: true }], { protocol });
      const given = new Set(
        asked.flatMap(([query, k]) => Array.from({ length: k }, (_, i) => `${query} ${i + 1}`)),
      );
      for (const step of episode.steps) {
        if (step.kind === "retrieve")
          for (const { id } of step.documents) expect(given).toContain(id);
        if (step.kind === "select") for (const id of step.selected) expect(given).toContain(id);
      }
      expect(idsOf(episode).every((id) => given.has(id))).toBe(true);
      expect(idsOf(episode).join()).not.toContain("Marlowe");
      expect(episode.steps.at(-1)?.kind === "stop" || episode.steps.at(-1)?.kind === "reject").toBe(
        true,
      );
      // Bounded: four searches, each condensed, and the last text.
      expect(server.requests.length).toBeLessThanOrEqual(9);
      // Nothing of it comes back as a result of a search.
      // Search-o1's second call is answered by this text too, and what it says is the search's result.
      if (what.startsWith("a query, then") ? method !== "search-o1" : protocol === "paper")
        for (const { body } of server.requests)
          expect(body.messages!.map(({ content }) => content).join()).not.toMatch(
            /<information>[^<]*Marlowe/,
          );
    });
});

describe("a failing endpoint", () => {
  it.each([
    [{ status: 500, body: "down" }],
    [{ status: 429, body: "slow down" }],
    [{ raw: "{not json" }],
    [{ raw: '{"choices": []}' }],
    ["cut" as const],
  ])("is an error with the reason, never an answer: %j", async (reply) => {
    await expect(play("search-r1", ["<search>a</search>", reply])).rejects.toMatchObject({
      code: "generator-unavailable",
    });
  });
  it("a key that is revoked half way ends the question with the reason", async () => {
    await expect(
      play("search-r1", ["<search>a</search>", { status: 401, body: "revoked" }]),
    ).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("API key is missing, wrong or revoked") as unknown,
    });
  });
});

describe("a multiple choice", () => {
  const choices = [
    { letter: "A", text: "Shakespeare" },
    { letter: "B", text: "Marlowe" },
  ];
  const question: Question = { ...QUESTION, options: { choices, answer: "A" } };

  it("is shown with its options to the model that answers, and without them to a retriever", async () => {
    for (const method of [
      "direct",
      "cot",
      "r1",
      "sft",
      "ircot",
      "search-r1",
      "search-o1",
    ] as const) {
      const { endpoint, asked } = await play(
        method,
        ["So the answer is: A.", "<answer>A</answer>", "A"],
        { question },
      );
      expect(told(endpoint, 0), method).toContain(
        "Who wrote Hamlet? Options: A. Shakespeare B. Marlowe",
      );
      expect(asked.map(([query]) => query).join("\n"), method).not.toContain("Options");
    }
  });

  it("is rewritten into a query without its options", async () => {
    const { endpoint, asked } = await play("deepretrieval", ["no query"], { question });
    expect([told(endpoint, 0).includes("Options"), asked]).toEqual([
      false,
      [["Who wrote Hamlet?", 3]],
    ]);
  });
});
