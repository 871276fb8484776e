import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensurePeerPython } from "@/bench/peers/venv";
import { judgeSchema } from "@/contracts/run-config/scoring";
import { openJudge } from "@/gpu-workers/llm/scoring/judge";
import { EndpointClient } from "./endpoint-client";
import { LITELLM_MODEL, LiteLlmProxy } from "./testing/litellm-proxy";
import { LLAMA_MODEL, LlamaServer } from "./testing/llama-server";
import {
  buildPatientOptions,
  buildQuickOptions,
  testRealServer,
} from "./testing/real-server-cases";

const signal = new AbortController().signal;
const ASKED = { question: "What is the capital of Peru?", golds: ["Lima"] };
const options = buildPatientOptions(LiteLlmProxy.key);
const quick = buildQuickOptions(LiteLlmProxy.key);
const INSTALL_MS = 20 * 60_000;

/** Our client, LiteLLM's real proxy, llama.cpp's real server. */
describe("LiteLLM's proxy before generator and judge", () => {
  let server: LlamaServer;
  let proxy: LiteLlmProxy;
  let problem: string | null = null;

  beforeAll(async () => {
    const python = await ensurePeerPython("litellm").catch((error: unknown) => {
      problem = `litellm[proxy] cannot be installed here: ${String(error).trim().split("\n").at(-1)}`;
      console.warn(`skipped: ${problem}`);
      return null;
    });
    if (python === null) return;
    server = await LlamaServer.start();
    proxy = await LiteLlmProxy.start(python, { url: server.url, key: LlamaServer.key });
  }, INSTALL_MS);
  beforeEach((context) => context.skip(problem !== null, problem ?? ""));
  afterAll(async () => {
    await proxy?.stop();
    await server?.kill();
  });

  testRealServer(
    () => ({ url: proxy.url, model: LITELLM_MODEL, apiKey: LiteLlmProxy.key }),
    ["sk-wrong", "wrong"],
  );

  it("lists its models to who has the key", async () => {
    const list = async (key: string) =>
      fetch(`${proxy.url}/models`, { headers: { authorization: `Bearer ${key}` } });
    const { data } = (await (await list(LiteLlmProxy.key)).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toEqual([LITELLM_MODEL]);
    expect((await list("sk-wrong")).ok).toBe(false);
  });

  it("passes alternatives of the first token on, of a chat and of a prompt", async () => {
    const askVia = (endpoint: string, model: string, apiKey: string) => {
      const client = new EndpointClient(endpoint, { ...options, apiKey });
      const body = { model, max_tokens: 1, temperature: 0 };
      const messages = [{ role: "user", content: "Yes or no?" }];
      return Promise.all([
        client.complete({ ...body, messages, logprobs: true, top_logprobs: 5 }, signal),
        client.complete({ ...body, prompt: "The capital of France is", logprobs: 5 }, signal),
      ]);
    };
    const replies = await askVia(proxy.url, LITELLM_MODEL, LiteLlmProxy.key);
    const direct = await askVia(server.url, LLAMA_MODEL, LlamaServer.key);
    for (const [i, { alternatives }] of replies.entries()) {
      expect(alternatives).toHaveLength(5);
      expect(alternatives.map(({ token }) => token)).toEqual(
        direct[i]!.alternatives.map(({ token }) => token),
      );
      for (const [j, { logprob }] of alternatives.entries())
        expect(logprob).toBeCloseTo(direct[i]!.alternatives[j]!.logprob, 3);
    }
    expect(replies[1].alternatives[0]!.token).toBe(" Paris");
  });

  it("goes on with a turn that was begun", async () => {
    const client = new EndpointClient(proxy.url, options);
    const messages = [
      { role: "user", content: "What is the capital of France?" },
      { role: "assistant", content: "The capital of France is" },
    ];
    const body = { model: LITELLM_MODEL, messages, max_tokens: 2, temperature: 0 };
    const { text } = await client.complete(
      { ...body, continue_final_message: true, add_generation_prompt: false },
      signal,
    );
    expect(text).toMatch(/Paris/);
  });

  it("judges as the server behind it does, every verdict read or counted as unread", async () => {
    const askVia = async (endpoint: string, model: string, apiKey: string) => {
      const config = judgeSchema.parse({ model, endpoint });
      const opened = await openJudge(config, null, {}, signal, { ...options, apiKey });
      const unread: string[] = [];
      const verdicts = await opened.judge(
        ["Lima", "Quito", "Lima."].map((answer) => ({ ...ASKED, answer })),
        signal,
        (_, text) => unread.push(text),
      );
      return { verdicts, unread };
    };
    const judged = await askVia(proxy.url, LITELLM_MODEL, LiteLlmProxy.key);
    expect(judged.verdicts).toHaveLength(3);
    expect(judged).toEqual(await askVia(server.url, LLAMA_MODEL, LlamaServer.key));
  });

  /** LiteLLM without prisma, which its extra does not install, fails at that with a bare status 500. */
  it("no key is an error, never an answer", async () => {
    const client = new EndpointClient(proxy.url, { ...quick, apiKey: undefined });
    const body = { model: LITELLM_MODEL, prompt: "Hello", max_tokens: 2 };
    await expect(client.complete(body, signal)).rejects.toMatchObject({
      code: "generator-unavailable",
    });
  });

  it("a model that it does not know is an error that names it", async () => {
    const client = new EndpointClient(proxy.url, quick);
    const body = { model: "unknown", prompt: "Hello", max_tokens: 2 };
    await expect(client.complete(body, signal)).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("model=unknown") as unknown,
    });
  });

  it("the death of the server behind it is an error, and a later request finds it back", async () => {
    const body = {
      model: LITELLM_MODEL,
      prompt: "Once upon a time",
      max_tokens: 60,
      temperature: 0,
    };
    await server.kill();
    await expect(new EndpointClient(proxy.url, quick).complete(body, signal)).rejects.toMatchObject(
      { code: "generator-unavailable" },
    );
    const waiting = new EndpointClient(proxy.url, options).complete(body, signal);
    await server.begin();
    expect((await waiting).text.length).toBeGreaterThan(20);
  });
});
