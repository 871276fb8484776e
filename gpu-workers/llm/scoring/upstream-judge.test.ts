import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { judgeSchema, scorerSchema, type ScorerName } from "@/contracts/run-config/scoring";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { upstreamJudgePrompt } from "@/core/prompts/generating";
import { listenLocally } from "@/lib/testing/listen-locally";
import { AnswerScorer, describeUnread, type UnreadReply } from "./answer-scorer";
import { openJudge, probeJudge } from "./judge";
import { chooseJudgeKind } from "./run-judge";
import { formatNumpyArray, formatPythonList } from "./python-text";
import { createUpstreamJudgePrompt, parseUpstreamVerdict } from "./upstream-judge";

const { signal } = new AbortController();
let server: Server | undefined;
afterEach(() => server?.close());

interface Request {
  messages: { role: string; content: string }[];
  max_tokens: number;
  temperature: number;
}

/** A server that plays the replies in turn: a text, a whole choice, or a status. */
async function play(
  replies: readonly (string | number | object)[],
): Promise<{ url: string; requests: Request[] }> {
  const requests: Request[] = [];
  server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      requests.push(JSON.parse(body) as Request);
      const reply = replies[Math.min(requests.length, replies.length) - 1]!;
      if (typeof reply === "number") return void response.writeHead(reply).end("no, yes");
      const choice =
        typeof reply === "string" ? { message: { content: reply }, finish_reason: "stop" } : reply;
      response.end(JSON.stringify({ choices: [choice] }));
    });
  });
  const address = await listenLocally(server);
  return { url: `${address}/v1`, requests };
}

const quick = { firstPauseMs: 1, longestPauseMs: 2, retryBudgetMs: 20, apiKey: undefined };
const open = (
  url: string,
  kind: "upstream" | "upstream-training" = "upstream",
  template?: string,
) =>
  openJudge(
    judgeSchema.parse({ model: "m", endpoint: url, promptTemplate: template ?? null }),
    null,
    {},
    signal,
    { kind, ...quick },
  );
const item = { question: "Capital?", golds: ["Paris", "paris (city)"], answer: "In\nParis" };

describe("the prompt", () => {
  it("is upstream's to the letter", () => {
    const [message] = createUpstreamJudgePrompt(null, "upstream").messages({
      question: "",
      golds: [],
      answer: "{answer}",
    });
    const text = message!.content.replace("[]", "{golds}");
    expect(text).toHaveLength(159);
    expect(createHash("sha256").update(text).digest("hex")).toMatch(/^aac1f9461682c8f5/);
    expect(upstreamJudgePrompt.required).not.toContain("question");
  });

  it.each([
    [["Paris", "paris (city)"], "['Paris', 'paris (city)']", "['Paris' 'paris (city)']"],
    [["it's"], `["it's"]`, `["it's"]`],
    [[`it's "x"`], `['it\\'s "x"']`, `['it\\'s "x"']`],
    [["a\nb\\", "é\u200b"], "['a\\nb\\\\', 'é\\u200b']", "['a\\nb\\\\' 'é\\u200b']"],
    [[], "[]", "[]"],
    [
      ["Nepalese Rupee", "NPR", "Nepali rupee", "rupee of Nepal", "Rs", "Nepalese rupees"],
      "['Nepalese Rupee', 'NPR', 'Nepali rupee', 'rupee of Nepal', 'Rs', 'Nepalese rupees']",
      "['Nepalese Rupee' 'NPR' 'Nepali rupee' 'rupee of Nepal' 'Rs'\n 'Nepalese rupees']",
    ],
  ])("has the gold answers %j as Python writes a list, or an array", (golds, list, array) => {
    expect(formatPythonList(golds)).toBe(list);
    expect(formatNumpyArray(golds)).toBe(array);
  });

  it("of an array of more than 1,000 has its ends alone", () => {
    const golds = Array.from({ length: 1001 }, (_, i) => String(i));
    expect(formatNumpyArray(golds)).toBe("['0' '1' '2' ... '998' '999' '1000']");
  });

  it("is one message, with the answer as it is; training writes a list, and is another scorer by it", async () => {
    const { url, requests } = await play(["yes"]);
    const [evaluating, training] = [await open(url), await open(url, "upstream-training")];
    for (const judge of [evaluating, training]) await judge.judge([item], signal);
    expect([evaluating.id, training.id]).toEqual(["1 m", "1-list m"]);
    expect(requests.map(({ temperature, max_tokens }) => [temperature, max_tokens])).toEqual([
      [0, 10],
      [0, 10],
    ]);
    expect(requests.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ["user"],
      ["user"],
    ]);
    const [first, second] = requests.map(({ messages }) => messages[0]!.content);
    expect(first).toContain("response: In\nParis\n\nGolden answers: ['Paris' 'paris (city)']\n");
    expect(second).toContain("Golden answers: ['Paris', 'paris (city)']\n");
  });

  it("can be a person's, with or without the question", async () => {
    const { url, requests } = await play(["yes"]);
    const judge = await open(url, "upstream", "{question} {golds} {answer}");
    await judge.judge([{ ...item, golds: ["x"], answer: "y" }], signal);
    expect(requests[0]!.messages[0]!.content).toBe("Capital? ['x'] y");
    expect(judge.id).toMatch(/^edited-[0-9a-f]{16} m$/);
  });
});

describe("a reply", () => {
  it.each([
    ["yes", true],
    ["Yes.", true],
    ["**Yes**", true],
    ["no", false],
    ["No, it is not.", false],
    ["`no`", false],
    ["Answer: yes", true],
    ["The answer is yes", true],
    ["noted: yes", true],
    ["Yes and no", true],
    ["No, although yes in part", true],
    ["yesterday", true],
    ["eyes", true],
    ["I do not know", false],
    ["None of the golden answers", false],
    ["Not exactly", false],
    ["It cannot be determined", false],
    ["<think>\nyes, the", true],
    ["maybe", null],
    ["Correct", null],
    ["True", null],
    ["Y", null],
    ["The response contains one", null],
    ["The response is right", null],
    ["是", null],
    ["", null],
  ])("%j is read as %s", (reply, verdict) => expect(parseUpstreamVerdict(reply)).toBe(verdict));

  it.each([
    [["maybe", "yes"], true, 2, []],
    [["maybe", "no"], false, 2, []],
    [["maybe", "maybe"], false, 2, ["maybe"]],
    [["", ""], false, 2, [""]],
    [[{ message: { content: null, refusal: "I cannot" }, finish_reason: "stop" }], false, 2, [""]],
    [[{ message: { content: "" }, finish_reason: "content_filter" }], false, 2, [""]],
    [["<think>\nyes, the"], true, 1, []],
    [["eyes"], true, 1, []],
  ] as const)("%j is %s after %i requests; unread: %j", async (replies, verdict, asked, unread) => {
    const { url, requests } = await play(replies);
    const found: string[] = [];
    const judge = await open(url);
    const verdicts = await judge.judge([item], signal, (_, reply) => found.push(reply));
    expect(verdicts).toEqual([verdict]);
    expect(requests).toHaveLength(asked);
    if (requests.length === 2) expect(requests[1]).toEqual(requests[0]);
    expect(found).toEqual(unread);
  });

  it.each([[500], [401], [{ message: { content: "yes" }, finish_reason: "error" }]])(
    "%j is an error, never a verdict",
    async (reply) => {
      const { url } = await play([reply]);
      await expect((await open(url)).judge([item], signal)).rejects.toMatchObject({
        code: "generator-unavailable",
      });
    },
  );

  it("that is neither does not stop a run before it begins", async () => {
    const { url } = await play(["maybe"]);
    const config = judgeSchema.parse({ model: "m", endpoint: url });
    expect(await probeJudge(config, null, {}, signal, "upstream")).toMatch(/answers in/);
  });
});

describe("generation accuracy as upstream has it", () => {
  const ask = (id: string, text: string, answers = ["1990"]) => ({
    question: {
      id,
      question: "When?",
      answers,
      goldIds: [],
      type: null,
      group: null,
      goldQueries: [],
    },
    answer: { key: id, text },
  });
  const SCORER = "generation-accuracy/upstream-1.1 m";

  it("asks only where its span finds nothing; replies that cannot be read count as no, and are told", async () => {
    const { url, requests } = await play(["maybe"]);
    const unread: UnreadReply[] = [];
    const stored = [{ key: "known", questionId: "known", text: "1990-1995", value: 1 }];
    const lookedFor: string[] = [];
    const scorer = new AnswerScorer(
      "generation-accuracy/upstream",
      () => open(url),
      (name, answers) => {
        lookedFor.push(name, ...answers.map(({ key }) => key));
        return Promise.resolve(stored);
      },
      (replies) => unread.push(...replies),
    );
    const [span, known, odd] = await scorer.score(
      [ask("span", "in 1990"), ask("known", "1990-1995"), ask("odd", "1990-1995")],
      signal,
    );
    expect([span, known, odd].map((scored) => scored!.main)).toEqual([
      { scorer: SCORER, value: 1 },
      { scorer: SCORER, value: 1 },
      { scorer: SCORER, value: 0 },
    ]);
    expect(requests).toHaveLength(2);
    expect(lookedFor).toEqual([SCORER, "known", "odd"]);
    expect(odd!.others).toEqual([
      { scorer: "span/2", value: 1 },
      { scorer: "exact-match/1", value: 0 },
      { scorer: "f1/1", value: 0 },
      { scorer: "span/upstream-1", value: 0 },
      { scorer: `unread/${SCORER}`, value: 1 },
    ]);
    expect(span!.others.map(({ scorer: name }) => name)).not.toContain(`unread/${SCORER}`);
    expect(unread).toEqual([{ questionId: "odd", reply: "maybe" }]);
    expect(describeUnread(unread)).toContain(
      '1 reply of the judge said neither yes nor no and counted as no: odd: "maybe"',
    );
  });

  it("gives the judge letter and text of the right option", async () => {
    const { url, requests } = await play(["yes"]);
    const scorer = new AnswerScorer("generation-accuracy/upstream", () => open(url));
    const { question, answer } = ask("q", "ibuprofen", ["ibuprofen"]);
    const choices = [
      { letter: "A", text: "aspirin" },
      { letter: "B", text: "ibuprofen" },
    ];
    const items = [{ question: { ...question, options: { choices, answer: "B" } }, answer }];
    expect((await scorer.score(items, signal))[0]!.main.value).toBe(1);
    expect(requests[0]!.messages[0]!.content).toContain("['B: ibuprofen']");
  });

  it("gives a run of 500 questions a score each, whatever the judge says", async () => {
    const { url } = await play(["maybe"]);
    let unread = 0;
    const scorer = new AnswerScorer(
      "generation-accuracy/upstream",
      () => open(url),
      null,
      (replies) => (unread += replies.length),
    );
    const items = Array.from({ length: 500 }, (_, i) => ask(`q${i}`, "1990-1995"));
    const scored = await scorer.score(items, signal);
    expect(scored.every(({ main }) => main.value === 0)).toBe(true);
    expect(unread).toBe(500);
  });

  it("is asked for by its name alone", () => {
    const predict = (scorer: ScorerName) =>
      predictConfigSchema.parse({ ...findPreset("atlas-s3")!.config, scorer });
    const names = scorerSchema.unwrap().options;
    expect(names.filter((name) => chooseJudgeKind(predict(name)) !== "own")).toEqual([
      "generation-accuracy/upstream",
    ]);
    const preset = trainConfigSchema.parse(findPreset("atlas-smollm2-grpo")!.config);
    const reward = { ...preset.reward, scorer: "generation-accuracy/upstream" as const };
    expect(chooseJudgeKind({ ...preset, reward })).toBe("upstream-training");
    expect(chooseJudgeKind(preset)).toBe("own");
  });
});
