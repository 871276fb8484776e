import { expect, it } from "vitest";
import type { ModelUsage } from "@/contracts/records/episode";
import { generatorSchema } from "@/contracts/run-config/generator";
import { judgeSchema } from "@/contracts/run-config/scoring";
import { EndpointClient } from "@/gpu-workers/llm/endpoint/endpoint-client";
import { openGenerator, probeGenerator } from "@/gpu-workers/llm/generator/open-generator";
import { probeJudge } from "@/gpu-workers/llm/scoring/judge";

/** A real server with the small model that set-up installs. */
interface RealServer {
  url: string;
  model: string;
  apiKey: string;
}

const DOCUMENTS = [
  { title: "Peru", text: "Lima is the capital of Peru.", hash: "peru" },
  { title: "Ecuador", text: "Quito is the capital of Ecuador.", hash: "ecuador" },
];
const NOTHING_STORED = {
  findAnswers: () => Promise.resolve(new Map()),
  saveAnswers: () => Promise.resolve(),
};

/** How a client asks a real server, which takes its time. */
export const buildPatientOptions = (apiKey: string) => ({
  apiKey,
  timeoutMs: 60_000,
  retryBudgetMs: 60_000,
});
/** The same where a failure is meant. */
export const buildQuickOptions = (apiKey: string) => ({
  ...buildPatientOptions(apiKey),
  retryBudgetMs: 500,
  firstPauseMs: 50,
});

/**
 * Tests of what every server of OpenAI's dialect holds as generator and judge. Call it in a describe.
 *
 * @param getServer asked within each test, when the server has started
 * @param wrongKeys keys that it refuses
 */
export function testRealServer(getServer: () => RealServer, wrongKeys: readonly string[]): void {
  const { signal } = new AbortController();
  const buildGenerator = () => {
    const { model, url } = getServer();
    return {
      ...generatorSchema.parse({ model, endpoint: url, maxTokens: 12 }),
      promptStyle: "chat" as const,
    };
  };

  it("completes a prompt, with its tokens counted", async () => {
    const { url, model, apiKey } = getServer();
    const used: ModelUsage[] = [];
    const client = new EndpointClient(url, {
      ...buildPatientOptions(apiKey),
      onUsage: (usage) => used.push(usage),
    });
    const body = { model, prompt: "The capital of France is", max_tokens: 2, temperature: 0 };
    const { text, finish } = await client.complete(body, signal);
    expect([text, finish]).toEqual([" Paris.", "length"]);
    expect(used).toMatchObject([{ calls: 1, promptTokens: 5, completionTokens: 2 }]);
  });

  it("stops at a stop string", async () => {
    const { url, model, apiKey } = getServer();
    const client = new EndpointClient(url, buildPatientOptions(apiKey));
    const body = { model, prompt: "1, 2, 3, 4,", max_tokens: 40, temperature: 0 };
    const { text, finish } = await client.complete({ ...body, stop: [" 7"] }, signal);
    expect([text, finish]).toEqual([" 5, 6,", "stop"]);
  });

  it("answers questions from documents", async () => {
    const opened = await openGenerator(null, buildGenerator(), NOTHING_STORED, signal, {
      endpoint: buildPatientOptions(getServer().apiKey),
    });
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

  it("is there by the checks of a run, which say what came", async () => {
    const { url, model, apiKey } = getServer();
    const keys = { readEndpointKey: () => Promise.resolve(apiKey) };
    const generator = buildGenerator();
    const connection = { ...generator.connection, key: "stored" };
    const judge = { ...judgeSchema.parse({ model, endpoint: url }), connection };
    expect(await probeGenerator(null, { ...generator, connection }, signal, keys)).toMatch(/Paris/);
    expect(await probeJudge(judge, null, keys, signal)).toMatch(/ s\b/);
  });

  it.each(wrongKeys)("the key %s is refused, by an error that names the setting", async (key) => {
    const { url, model } = getServer();
    const client = new EndpointClient(url, buildQuickOptions(key));
    const body = { model, prompt: "Hello", max_tokens: 2 };
    await expect(client.complete(body, signal)).rejects.toMatchObject({
      code: "generator-unavailable",
      message: expect.stringContaining("connection.key") as unknown,
    });
  });

  it("a prompt beyond the model's context is an error, never an answer", async () => {
    const { url, model, apiKey } = getServer();
    const client = new EndpointClient(url, buildQuickOptions(apiKey));
    const body = { model, prompt: "word ".repeat(9000), max_tokens: 2 };
    await expect(client.complete(body, signal)).rejects.toMatchObject({
      code: "generator-unavailable",
    });
  });
}
