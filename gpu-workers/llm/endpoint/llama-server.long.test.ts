import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { judgeSchema } from "@/contracts/run-config/scoring";
import { openJudge } from "@/gpu-workers/llm/scoring/judge";
import { EndpointClient } from "./endpoint-client";
import { LLAMA_MODEL, LlamaServer } from "./testing/llama-server";
import {
  buildPatientOptions,
  buildQuickOptions,
  testRealServer,
} from "./testing/real-server-cases";

const signal = new AbortController().signal;
const options = buildPatientOptions(LlamaServer.key);
const quick = buildQuickOptions(LlamaServer.key);

/** A real server beside the worker, as people run it on a laptop. */
describe("llama.cpp's server as generator and judge", () => {
  let server: LlamaServer;

  beforeAll(async () => {
    server = await LlamaServer.start();
  }, 600_000);
  afterAll(() => server.kill());

  testRealServer(
    () => ({ url: server.url, model: LLAMA_MODEL, apiKey: LlamaServer.key }),
    ["wrong"],
  );

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

  it("judges, every verdict read or counted as unread", async () => {
    const config = judgeSchema.parse({ model: LLAMA_MODEL, endpoint: server.url });
    const opened = await openJudge(config, null, {}, signal, options);
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
