import { afterEach, describe, expect, it } from "vitest";
import { predictConfigSchema, type PredictConfig } from "@/contracts/run-config/predict-config";
import { openGenerator, probeGenerator } from "@/gpu-workers/llm/generator/open-generator";
import type { AnswerStore } from "@/gpu-workers/llm/generator/generator";
import { openJudge, probeJudge } from "@/gpu-workers/llm/scoring/judge";
import {
  ScriptedEndpoint,
  type ScriptedReply,
  type ScriptedRequest,
} from "@/gpu-workers/testing/scripted-endpoint";
import { openOwnModel, probeOwnModel } from "./open-method";

/** Generator, judge and a method's model in a vendor's dialect, opened from a run's settings as a job does. */

const { signal } = new AbortController();
const store: AnswerStore = {
  findAnswers: () => Promise.resolve(new Map()),
  saveAnswers: () => Promise.resolve(),
};
const context = { signal, fetchCheckpoint: () => Promise.reject(new Error("none")) };

const say = (text: string): ScriptedReply => ({
  raw: JSON.stringify({
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-sonnet-4-5",
    content: [{ type: "text", text }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 30, output_tokens: 2 },
  }),
});

let endpoint: ScriptedEndpoint | null = null;
afterEach(async () => {
  await endpoint?.close();
  endpoint = null;
});

/** A run whose three models are at one server. */
async function start(
  replies: readonly ScriptedReply[] | ((request: ScriptedRequest, call: number) => ScriptedReply),
  settings: object = {},
  dialect = "anthropic",
): Promise<PredictConfig> {
  endpoint = await ScriptedEndpoint.start(replies);
  const connection = { promptPrice: 3, completionPrice: 15, retrySeconds: 1 };
  const model = { model: "claude-sonnet-4-5", endpoint: endpoint.url, dialect, connection };
  return predictConfigSchema.parse({
    kind: "predict",
    name: "p",
    method: "cot",
    generator: model,
    judge: model,
    searcher: model,
    ...settings,
  });
}

const DOCUMENTS = [{ title: "Eiffel Tower", text: "It stands in Paris.", hash: "h" }];
const ITEM = { question: "Where?", golds: ["Paris"], answer: "Paris" };

describe("in Anthropic's dialect", () => {
  it("the generator answers, its costs are counted, and its keys are not those of OpenAI's dialect", async () => {
    const { generator } = await start([say("Paris")]);
    const opened = await openGenerator(null, generator, store, signal);
    const [answer] = await opened.answer([{ question: "Where?", documents: DOCUMENTS }], signal);
    expect(answer).toMatchObject({ text: "Paris", usage: { costUsd: (30 * 3 + 2 * 15) / 1e6 } });
    const { body } = endpoint!.requests[0]!;
    expect(JSON.stringify(body.system)).toContain("It stands in Paris.");
    expect(body.messages).toEqual([
      {
        role: "user",
        content: [{ type: "text", text: expect.stringContaining("Where?") as string }],
      },
    ]);
    await endpoint!.close();
    const { dialect: _, ...plain } = generator;
    endpoint = await ScriptedEndpoint.start(["Paris"]);
    const other = await openGenerator(null, { ...plain, endpoint: endpoint.url }, store, signal);
    const [otherAnswer] = await other.answer(
      [{ question: "Where?", documents: DOCUMENTS }],
      signal,
    );
    expect(otherAnswer!.key).not.toBe(answer!.key);
  });
  it("the judge decides by its text alone, and a text without a verdict is asked about and counts as no", async () => {
    const { judge } = await start([say("yes"), say("Perhaps."), say("Who knows?")]);
    const opened = await openJudge(judge, null, {}, signal);
    expect(await opened.judge([ITEM], signal)).toEqual([true]);
    const unread: string[] = [];
    expect(await opened.judge([ITEM], signal, (_, text) => unread.push(text))).toEqual([false]);
    expect(unread).toEqual(["Who knows?"]);
    expect(JSON.stringify(endpoint!.requests)).not.toContain("logprobs");
  });
  it("a method's model replies", async () => {
    const own = await openOwnModel(await start([say("So the answer is: Paris.")]), context, null);
    if (own?.kind !== "text") throw new Error("no model");
    const reply = await own.model.reply(
      {
        messages: [{ role: "user", content: "Where?" }],
        stop: [],
        maxTokens: 20,
        seed: 1,
        temperature: 0.7,
      },
      signal,
    );
    expect(reply.text).toBe("So the answer is: Paris.");
    expect(endpoint!.requests[0]!.body.seed).toBeUndefined();
    expect(own.model.identity).toMatchObject({ dialect: "anthropic" });
  });
  it("checks say what is left out, and fail where the run sets it", async () => {
    const config = await start([say("yes")]);
    expect(await probeGenerator(null, config.generator, signal)).toMatch(/answers in .*"yes"/);
    expect(await probeJudge(config.judge, null, {}, signal)).toMatch(/it refuses .*logprobs/);
    const methodSettings = { ...config.methodSettings, repetitionPenalty: 1.2 };
    await expect(probeOwnModel({ ...config, methodSettings }, signal, {})).rejects.toThrow(
      "methodSettings.repetitionPenalty",
    );
  });
  it.each(["bedrock", "vertex"])(
    "a check of %s without a credential says what to set",
    async (dialect) => {
      const { generator } = await start([], {}, dialect);
      await expect(probeGenerator(null, generator, signal)).rejects.toMatchObject({
        code: "unauthorized",
        message: expect.stringMatching(/connection\.key.*--credential/) as unknown,
      });
      expect(endpoint!.requests.length).toBe(0);
    },
  );
});
