import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { judgeSchema } from "@/contracts/run-config/scoring";
import { listenLocally } from "@/lib/testing/listen-locally";
import { UsageSum } from "@/gpu-workers/llm/usage-sum";
import { AnswerScorer } from "./answer-scorer";
import {
  createEndpointJudge,
  createJudgePrompt,
  openJudge,
  parseVerdict,
  decideByLogprobs,
} from "./judge";

const quick = {
  firstPauseMs: 1,
  longestPauseMs: 2,
  budgetMs: 5_000,
  timeoutMs: 2_000,
  apiKey: undefined,
};
const { signal } = new AbortController();
let server: Server | undefined;
afterEach(() => server?.close());

/** A server that plays the replies in turn: a text, a whole message, or a status. */
async function startServer(
  replies: (string | number | object)[],
): Promise<{ url: string; requests: { messages: { content: string }[]; max_tokens: number }[] }> {
  const requests: { messages: { content: string }[]; max_tokens: number }[] = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      requests.push(JSON.parse(body) as (typeof requests)[number]);
      const reply = replies[Math.min(requests.length, replies.length) - 1]!;
      if (typeof reply === "number") return void response.writeHead(reply).end("no");
      response.end(
        JSON.stringify({
          choices: [typeof reply === "string" ? { message: { content: reply } } : reply],
          usage: { prompt_tokens: 100, completion_tokens: 3 },
        }),
      );
    });
  });
  const address = await listenLocally(server);
  return { url: `${address}/v1`, requests };
}
const item = { question: "Capital of Peru?", golds: ["Lima"], answer: "the city of Lima" };

describe("a verdict", () => {
  it.each([
    ["yes", true],
    [" **No**, it is not", false],
    ["Yes.", true],
    ["Nobody knows", null],
    ["The answer is yes", null],
    ["", null],
  ])("%j is %s", (reply, verdict) => expect(parseVerdict(reply)).toBe(verdict));

  it("is the greater mass of the first token's alternatives", () => {
    expect(
      decideByLogprobs([
        { token: "Yes", logprob: -1.5 },
        { token: " yes", logprob: -1.5 },
        { token: "No", logprob: -1 },
      ]),
    ).toBe(true);
    expect(decideByLogprobs([{ token: "Maybe", logprob: -0.1 }])).toBeNull();
  });
});

describe("the judge at an endpoint", () => {
  it("asks with the question, every gold answer and the answer", async () => {
    const { url, requests } = await startServer(["yes"]);
    expect(await createEndpointJudge(url, "m", quick).judge([item], signal)).toEqual([true]);
    expect(requests[0]).toMatchObject({
      model: "m",
      temperature: 0,
      max_tokens: 10,
      messages: createJudgePrompt().messages(item),
    });
    expect(requests[0]!.messages[1]!.content).toContain("Correct answers: Lima");
  });

  it("asks with a person's prompt, and is another scorer by it", async () => {
    const { url, requests } = await startServer(["yes"]);
    const judge = createEndpointJudge(
      url,
      "m",
      quick,
      "{question} | {golds} | {answer} | yes or no?",
    );
    await judge.judge(
      [{ question: "Of Peru?", golds: ["Lima", "City of Lima"], answer: "" }],
      signal,
    );
    expect(requests[0]!.messages).toEqual([
      { role: "user", content: "Of Peru? | Lima | City of Lima | (empty) | yes or no?" },
    ]);
    expect([judge.id, createEndpointJudge(url, "m").id]).toEqual([
      expect.stringMatching(/^edited-[0-9a-f]{16} m$/),
      "1 m",
    ]);
  });

  it("retries what is broken, and asks again after a garbled reply", async () => {
    const { url, requests } = await startServer([429, 500, "Well, it depends", "no"]);
    expect(await createEndpointJudge(url, "m", quick).judge([item], signal)).toEqual([false]);
    expect(requests).toHaveLength(4);
    expect(requests[3]!.messages[2]!.content).toBe("Well, it depends");
  });

  it("decides by the alternatives where the text says neither", async () => {
    const { url } = await startServer([
      {
        message: { content: "Well" },
        logprobs: {
          content: [
            {
              top_logprobs: [
                { token: "Well", logprob: -0.1 },
                { token: "yes", logprob: -3 },
              ],
            },
          ],
        },
      },
    ]);
    expect(await createEndpointJudge(url, "m", quick).judge([item], signal)).toEqual([true]);
  });

  it.each([
    ["a text", "perhaps"],
    ["a cut text", { message: { content: "Well, it" }, finish_reason: "length" }],
  ])("counts as no, and is reported, where it stays garbled: %s", async (_name, reply) => {
    const { url } = await startServer([reply]);
    const unread: [number, string][] = [];
    const judge = createEndpointJudge(url, "m", quick);
    expect(
      await judge.judge([item, item], signal, (index, text) => unread.push([index, text])),
    ).toEqual([false, false]);
    const text = typeof reply === "string" ? reply : reply.message.content;
    expect(unread.sort()).toEqual([
      [0, text],
      [1, text],
    ]);
  });

  it.each([
    ["finish_reason null", { message: { content: "no" }, finish_reason: null }, /null/, true],
    ["finish_reason error", { message: { content: "no" }, finish_reason: "error" }, /error/, true],
    [
      "a filtered one",
      { message: { content: "" }, finish_reason: "content_filter" },
      /content_filter/,
      false,
    ],
    [
      "a refusal",
      { message: { content: null, refusal: "I cannot judge." }, finish_reason: "stop" },
      /refused to answer: I cannot judge/,
      false,
    ],
    ["no content", { message: { content: null }, finish_reason: "stop" }, /no content/, true],
    ["an empty text", { message: { content: " " }, finish_reason: "stop" }, /empty text/, true],
    [
      "thoughts alone",
      { message: { content: "", reasoning_content: "hm" }, finish_reason: "length" },
      /cut within its reasoning/,
      true,
    ],
  ])("is an error, never a no: %s", async (_name, reply, reason, again) => {
    const { url, requests } = await startServer([reply]);
    const unread: number[] = [];
    const judge = createEndpointJudge(url, "m", { ...quick, retryBudgetMs: 2_000 });
    await expect(judge.judge([item], signal, (index) => unread.push(index))).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringMatching(reason) as unknown,
    });
    expect(unread).toEqual([]);
    expect(requests.length > 1, "asked again").toBe(again);
  });

  it("goes on where a broken reply is whole the next time", async () => {
    const { url } = await startServer([{ message: { content: "no" }, finish_reason: null }, "yes"]);
    expect(await createEndpointJudge(url, "m", quick).judge([item], signal)).toEqual([true]);
  });

  it("is stored and counted beside every judged figure, and never fails a run", async () => {
    const { url } = await startServer(["perhaps"]);
    const told: unknown[] = [];
    for (const name of ["judge", "generation-accuracy"] as const) {
      const scorer = new AnswerScorer(
        name,
        () => Promise.resolve(createEndpointJudge(url, "m", quick)),
        null,
        (replies) => told.push(...replies),
      );
      const question = { id: "q1", question: "Capital of Peru?", answers: ["Lima"], goldIds: [] };
      const [scored] = await scorer.score(
        [
          {
            question: { ...question, goldQueries: [], type: null, group: null },
            answer: { key: "k", text: "Cusco" },
          },
        ],
        signal,
      );
      expect(scored!.main.value).toBe(0);
      expect(scored!.others.filter(({ scorer: each }) => each.startsWith("unread/"))).toEqual([
        { scorer: "unread/judge/2.1 m", value: 1 },
        { scorer: "unread/generation-accuracy/3.1 m", value: 1 },
      ]);
      // Of one answer, asked about once; a second reading finds none.
      expect([scorer.takeUnreadShare(), scorer.takeUnreadShare()]).toEqual([1, undefined]);
    }
    expect(told).toEqual(Array(2).fill({ questionId: "q1", reply: "perhaps" }));
  });

  it("is an error, never a verdict, where the server is broken or refuses", async () => {
    const refused = await startServer([401]);
    await expect(
      createEndpointJudge(refused.url, "m", quick).judge([item], signal),
    ).rejects.toMatchObject({ message: expect.stringContaining("status 401") as unknown });
    expect(refused.requests).toHaveLength(1);
  });
});

describe("what a judge took", () => {
  const replies = ["Well, it depends", "no"].map((content) => ({ message: { content } }));
  const judging = async (prices: object) => {
    const { url } = await startServer(replies);
    const usage = new UsageSum("judge");
    const config = judgeSchema.parse({ model: "m", endpoint: url, connection: prices });
    const judge = await openJudge(config, null, {}, signal, {
      apiKey: undefined,
      onUsage: usage.add,
    });
    expect(usage.toMetrics()).toEqual({});
    expect(await judge.judge([item], signal)).toEqual([false]);
    return usage.toMetrics();
  };
  it("is every answered request, a garbled one, too, at the prices of its connection", async () => {
    expect(await judging({ promptPrice: 2, completionPrice: 10 })).toEqual({
      "judge/calls": 2,
      "judge/prompt_tokens": 200,
      "judge/completion_tokens": 6,
      "judge/cost_usd": expect.closeTo(0.00046, 12) as unknown,
    });
  });
  it("has no cost where there is no price for all of it", async () => {
    expect(await judging({})).toEqual({
      "judge/calls": 2,
      "judge/prompt_tokens": 200,
      "judge/completion_tokens": 6,
    });
    const usage = new UsageSum("judge");
    for (const costUsd of [1, null, 1])
      usage.add({ calls: 1, promptTokens: 1, completionTokens: 1, costUsd });
    expect(usage.toMetrics()).toEqual({
      "judge/calls": 3,
      "judge/prompt_tokens": 3,
      "judge/completion_tokens": 3,
    });
    // The next step begins anew, and can have a cost again.
    expect(usage.takeMetrics()).toMatchObject({ "judge/calls": 3 });
    usage.add({ calls: 1, promptTokens: 1, completionTokens: 1, costUsd: 2 });
    expect(usage.takeMetrics()).toMatchObject({ "judge/calls": 1, "judge/cost_usd": 2 });
    expect(usage.takeMetrics()).toEqual({});
  });
});

describe("generation accuracy", () => {
  const question = {
    id: "q",
    question: item.question,
    answers: item.golds,
    goldIds: [],
    type: null,
    group: null,
    goldQueries: [],
  };
  const scored = async (verdict: boolean, text: string) => {
    const scorer = new AnswerScorer("generation-accuracy", () =>
      Promise.resolve({ id: "1 m", judge: () => Promise.resolve([verdict]) }),
    );
    const [result] = await scorer.score([{ question, answer: { key: "k", text } }], signal);
    return result!;
  };
  it("asks the judge for no verdict that is stored: of this answer's key and text to this question, by this judge", async () => {
    const asked: string[] = [];
    const stored = [{ key: "known", text: "Lima", questionId: "q", value: 0 }];
    const scorer = new AnswerScorer(
      "judge",
      () =>
        Promise.resolve({
          id: "1 m",
          judge: (items) => Promise.resolve(items.map(({ answer }) => asked.push(answer) > 0)),
        }),
      (label) => Promise.resolve(label === "judge/2.1 m" ? stored : []),
    );
    const answers = [
      ["fresh", "Lima"],
      ["known", "Lima"],
      ["known", "Lima, Peru"],
    ] as const;
    const results = await scorer.score(
      answers.map(([key, text]) => ({ question, answer: { key, text } })),
      signal,
    );
    expect(results.map(({ main }) => main.value)).toEqual([1, 0, 1]);
    expect(asked).toEqual(["Lima", "Lima, Peru"]);
  });
  it("is span or judge; both and every rule are kept", async () => {
    expect((await scored(false, "Lima")).main).toEqual({
      scorer: "generation-accuracy/3.1 m",
      value: 1,
    });
    expect((await scored(true, "the City of Kings")).main.value).toBe(1);
    const wrong = await scored(false, "Quito");
    expect(wrong.main.value).toBe(0);
    expect(wrong.others.map(({ scorer }) => scorer)).toEqual([
      "span/2",
      "exact-match/1",
      "f1/1",
      "judge/2.1 m",
      "unread/judge/2.1 m",
      "unread/generation-accuracy/3.1 m",
    ]);
  });
});
