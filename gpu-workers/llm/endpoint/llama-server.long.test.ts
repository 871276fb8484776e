import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generatorSchema } from "@/contracts/run-config/generator";
import type { ConnectionConfig } from "@/contracts/run-config/model";
import { judgeSchema } from "@/contracts/run-config/scoring";
import type { ModelUsage } from "@/contracts/records/episode";
import { openGenerator, probeGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { openJudge, probeJudge } from "@/gpu-workers/llm/scoring/judge";
import { EndpointClient } from "./endpoint-client";
import { LLAMA_MODEL, LlamaServer } from "./testing/llama-server";

const signal = new AbortController().signal;
const nowhere = {
  findAnswers: () => Promise.resolve(new Map()),
  saveAnswers: () => Promise.resolve(),
};
const DOCUMENTS = [
  { title: "Peru", text: "Lima is the capital of Peru.", hash: "peru" },
  { title: "Ecuador", text: "Quito is the capital of Ecuador.", hash: "ecuador" },
];
const options = { apiKey: LlamaServer.key, timeoutMs: 60_000, retryBudgetMs: 60_000 };
const quick = { ...options, retryBudgetMs: 500, firstPauseMs: 50 };

/** A real server beside the worker, as people run it on a laptop. */
describe("llama.cpp's server as generator and judge", () => {
  let server: LlamaServer;
  const generator = () =>
    generatorSchema.parse({ model: LLAMA_MODEL, endpoint: server.url, maxTokens: 12 });
  const judge = () => judgeSchema.parse({ model: LLAMA_MODEL, endpoint: server.url });

  beforeAll(async () => {
    server = await LlamaServer.start();
  }, 600_000);
  afterAll(() => server.kill());

  it("completes a prompt, with its tokens counted", async () => {
    const used: ModelUsage[] = [];
    const client = new EndpointClient(server.url, {
      ...options,
      onUsage: (usage) => used.push(usage),
    });
    const body = {
      model: LLAMA_MODEL,
      prompt: "The capital of France is",
      max_tokens: 2,
      temperature: 0,
    };
    const { text, finish } = await client.complete(body, signal);
    expect([text, finish]).toEqual([" Paris.", "length"]);
    expect(used).toMatchObject([{ calls: 1, promptTokens: 5, completionTokens: 2 }]);
  });

  it("stops at a stop string", async () => {
    const client = new EndpointClient(server.url, options);
    const body = { model: LLAMA_MODEL, prompt: "1, 2, 3, 4,", max_tokens: 40, temperature: 0 };
    const { text, finish } = await client.complete({ ...body, stop: [" 7"] }, signal);
    expect([text, finish]).toEqual([" 5, 6,", "stop"]);
  });

  it("gives alternatives of the first token, in chat and for a prompt", async () => {
    const client = new EndpointClient(server.url, options);
    const body = { model: LLAMA_MODEL, max_tokens: 1, temperature: 0 };
    const messages = [{ role: "user", content: "Yes or no?" }];
    const replies = await Promise.all([
      client.complete({ ...body, messages, logprobs: true, top_logprobs: 5 }, signal),
      client.complete({ ...body, prompt: "The capital of France is", logprobs: 5 }, signal),
    ]);
    for (const { alternatives } of replies) {
      expect(alternatives).toHaveLength(5);
      const total = alternatives.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
      expect(total).toBeGreaterThan(0.2);
      expect(total).toBeLessThan(1.0001);
    }
    expect(replies[1].alternatives[0]!.token).toBe(" Paris");
  });

  it("answers questions from documents", async () => {
    const config = { ...generator(), promptStyle: "chat" as const };
    const opened = await openGenerator(null, config, nowhere, signal, { endpoint: options });
    const questions = ["What is the capital of Peru?", "What is the capital of Ecuador?"];
    const answers = await opened.answer(
      questions.map((question) => ({ question, documents: DOCUMENTS })),
      signal,
    );
    expect(answers.map(({ text }) => text)).toEqual([
      expect.stringContaining("Lima"),
      expect.stringContaining("Quito"),
    ]);
  });

  it("judges, every verdict read or counted as unread", async () => {
    const opened = await openJudge(judge(), null, {}, signal, options);
    const unread: string[] = [];
    const question = "What is the capital of Peru?";
    const verdicts = await opened.judge(
      ["Lima", "Quito", "Lima."].map((answer) => ({ question, golds: ["Lima"], answer })),
      signal,
      (_, text) => unread.push(text),
    );
    expect(verdicts).toHaveLength(3);
    expect(verdicts.filter((verdict) => !verdict).length).toBeGreaterThanOrEqual(unread.length);
  });

  it("is there by the checks of a run, which say what came", async () => {
    const keys = { readEndpointKey: () => Promise.resolve(LlamaServer.key) };
    const withKey = <T extends { connection: ConnectionConfig }>(config: T): T => ({
      ...config,
      connection: { ...config.connection, key: "llama" },
    });
    const config = { ...withKey(generator()), promptStyle: "chat" as const };
    expect(await probeGenerator(null, config, signal, keys)).toMatch(/Paris/);
    expect(await probeJudge(withKey(judge()), null, keys, signal)).toMatch(/ s\b/);
  });

  it("a wrong key is an error that names the setting", async () => {
    const client = new EndpointClient(server.url, { ...quick, apiKey: "wrong" });
    const body = { model: LLAMA_MODEL, prompt: "Hello", max_tokens: 2 };
    await expect(client.complete(body, signal)).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("connection.key") as unknown,
    });
  });

  it("a prompt beyond its context is an error, never an answer", async () => {
    const client = new EndpointClient(server.url, quick);
    const body = { model: LLAMA_MODEL, prompt: "word ".repeat(9000), max_tokens: 2 };
    await expect(client.complete(body, signal)).rejects.toMatchObject({
      code: "generator-unavailable",
    });
  });

  it("its death under a request is an error, and a later request finds it back", async () => {
    const client = new EndpointClient(server.url, options);
    const body = { model: LLAMA_MODEL, prompt: "Once upon a time", max_tokens: 60, temperature: 0 };
    const failing = new EndpointClient(server.url, quick).complete(
      { ...body, max_tokens: 2000 },
      signal,
    );
    const failed = expect(failing).rejects.toMatchObject({ code: "generator-unavailable" });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await server.kill();
    await failed;
    const waiting = client.complete(body, signal);
    await server.begin();
    expect((await waiting).text.length).toBeGreaterThan(20);
  });
});
