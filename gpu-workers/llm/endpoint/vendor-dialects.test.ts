import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { DialectName } from "@/contracts/run-config/model";
import { ScriptedEndpoint, type ScriptedReply } from "@/gpu-workers/testing/scripted-endpoint";
import type { CompletionBody } from "./completion-body";
import { EndpointClient, type EndpointOptions } from "./endpoint-client";

/**
 * Vendors' dialects against a server that replays their documented wire formats: no vendor's service is called. Each
 * request is checked by a schema of what the vendor documents, that takes nothing else.
 */

const never = new AbortController().signal;
const fast: Partial<EndpointOptions> = {
  timeoutMs: 2000,
  retryBudgetMs: 3000,
  firstPauseMs: 5,
  longestPauseMs: 10,
  apiKey: "secret-key",
  promptPrice: 1,
  completionPrice: 10,
};
const BODY = {
  model: "m",
  max_tokens: 64,
  temperature: 0,
  stop: ["</answer>"],
  messages: [
    { role: "system", content: "Answer in one word." },
    { role: "user", content: "Where is the Eiffel Tower?" },
  ],
} satisfies CompletionBody;

const geminiTextSchema = z.strictObject({ text: z.string() });
const claudeTextSchema = z.strictObject({ type: z.literal("text"), text: z.string() });
const claudeRequest = {
  max_tokens: z.literal(64),
  temperature: z.literal(0),
  system: z.array(claudeTextSchema).length(1),
  messages: z.tuple([
    z.strictObject({ role: z.literal("user"), content: z.array(claudeTextSchema).length(1) }),
  ]),
  stop_sequences: z.tuple([z.literal("</answer>")]),
};
const geminiRequestSchema = z.strictObject({
  generationConfig: z.strictObject({
    maxOutputTokens: z.literal(64),
    temperature: z.literal(0),
    stopSequences: z.tuple([z.literal("</answer>")]),
  }),
  contents: z.tuple([
    z.strictObject({ role: z.literal("user"), parts: z.array(geminiTextSchema).length(1) }),
  ]),
  systemInstruction: z.strictObject({ parts: z.array(geminiTextSchema).length(1) }),
});

const json = (body: unknown): ScriptedReply => ({ raw: JSON.stringify(body) });

/** Replies of Anthropic's Messages, which Vertex AI gives for Claude, too. */
const claude = {
  reply: (content: unknown[], stop_reason: string, more: object = {}) =>
    json({
      id: "msg_01",
      type: "message",
      role: "assistant",
      model: "m",
      content,
      stop_reason,
      stop_sequence: null,
      usage: {
        input_tokens: 20,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 80,
        output_tokens: 12,
      },
      ...more,
    }),
  text: (text: string) => ({ type: "text", text }),
  thought: (thinking: string) => ({ type: "thinking", thinking, signature: "c2ln" }),
  ends: { stop: "end_turn", length: "max_tokens", others: ["refusal", "pause_turn", "tool_use"] },
  error: (type: string, message: string) =>
    JSON.stringify({ type: "error", error: { type, message }, request_id: "req_1" }),
};
const gemini = {
  reply: (parts: unknown[], finishReason: string) =>
    json({
      candidates: [{ content: { role: "model", parts }, finishReason, index: 0 }],
      usageMetadata: {
        promptTokenCount: 100,
        cachedContentTokenCount: 80,
        candidatesTokenCount: 2,
        thoughtsTokenCount: 10,
        totalTokenCount: 112,
      },
      modelVersion: "m",
    }),
  text: (text: string) => ({ text }),
  thought: (text: string) => ({ text, thought: true }),
  ends: { stop: "STOP", length: "MAX_TOKENS", others: ["SAFETY", "RECITATION", "OTHER"] },
  error: (status: string, message: string) =>
    JSON.stringify({ error: { code: 400, message, status } }),
};
const bedrock = {
  reply: (content: unknown[], stopReason: string) =>
    json({
      metrics: { latencyMs: 12 },
      output: { message: { role: "assistant", content } },
      stopReason,
      usage: {
        inputTokens: 20,
        outputTokens: 12,
        totalTokens: 112,
        cacheReadInputTokens: 80,
        cacheWriteInputTokens: 0,
      },
    }),
  text: (text: string) => ({ text }),
  thought: (text: string) => ({
    reasoningContent: { reasoningText: { text, signature: "c2ln" } },
  }),
  ends: {
    stop: "end_turn",
    length: "max_tokens",
    others: ["guardrail_intervened", "content_filtered", "tool_use"],
  },
  error: (type: string, message: string) => JSON.stringify({ __type: type, message }),
};

const cases = [
  {
    dialect: "anthropic",
    model: "claude-sonnet-4-5",
    base: "/v1",
    path: "/v1/messages",
    key: ["x-api-key", "secret-key"],
    request: z.strictObject({ model: z.literal("claude-sonnet-4-5"), ...claudeRequest }),
    wire: claude,
  },
  {
    dialect: "gemini",
    model: "gemini-2.5-flash",
    base: "/v1beta",
    path: "/v1beta/models/gemini-2.5-flash:generateContent",
    key: ["x-goog-api-key", "secret-key"],
    request: geminiRequestSchema,
    wire: gemini,
  },
  {
    dialect: "bedrock",
    model: "anthropic.claude-sonnet-4-5-20250929-v1:0",
    base: "",
    path: "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
    key: ["authorization", "Bearer secret-key"],
    request: z.strictObject({
      system: z.array(geminiTextSchema).length(1),
      messages: z.tuple([
        z.strictObject({ role: z.literal("user"), content: z.array(geminiTextSchema).length(1) }),
      ]),
      inferenceConfig: z.strictObject({
        maxTokens: z.literal(64),
        temperature: z.literal(0),
        stopSequences: z.tuple([z.literal("</answer>")]),
      }),
      additionalModelResponseFieldPaths: z.array(z.string()).optional(),
    }),
    wire: bedrock,
  },
  {
    dialect: "vertex",
    model: "gemini-2.5-flash",
    base: "/v1/projects/p/locations/us-central1",
    path: "/v1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash:generateContent",
    key: ["authorization", "Bearer secret-key"],
    request: geminiRequestSchema,
    wire: gemini,
  },
  {
    dialect: "vertex",
    model: "claude-sonnet-4-5@20250929",
    base: "/v1/projects/p/locations/us-east5",
    path: "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
    key: ["authorization", "Bearer secret-key"],
    request: z.strictObject({
      anthropic_version: z.literal("vertex-2023-10-16"),
      ...claudeRequest,
    }),
    wire: claude,
  },
] as const;

let endpoint: ScriptedEndpoint | null = null;
beforeEach(() => {
  // What the vendors' libraries would take by themselves, and send to whatever address a run names.
  for (const name of [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GOOGLE_VERTEX_API_KEY",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
  ])
    vi.stubEnv(name, "environment-key");
  vi.stubEnv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9");
  vi.stubEnv("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await endpoint?.close();
  endpoint = null;
});

async function open(
  dialect: DialectName,
  base: string,
  replies: readonly ScriptedReply[],
  overrides: Partial<EndpointOptions> = {},
): Promise<EndpointClient> {
  endpoint = await ScriptedEndpoint.start(replies);
  const { origin } = new URL(endpoint.url);
  return new EndpointClient(origin + base, { ...fast, dialect, ...overrides });
}

describe.each(cases)(
  "$dialect with $model",
  ({ dialect, model, base, path, key, request, wire }) => {
    const body = { ...BODY, model };
    const openCase = (replies: readonly ScriptedReply[], overrides?: Partial<EndpointOptions>) =>
      open(dialect, base, replies, overrides);
    const refused = (replies: readonly ScriptedReply[]) =>
      openCase(replies, { retryBudgetMs: 50 }).then((client) => client.complete(body, never));

    it("is asked as the vendor documents, with its key, and read with thoughts and tokens", async () => {
      const client = await openCase([
        wire.reply([wire.thought("Towers…"), wire.text("Paris")], wire.ends.stop),
      ]);
      const reply = await client.complete(body, never);
      const sent = endpoint!.requests[0]!;
      expect(sent.path).toBe(path);
      expect(sent.headers[key[0]]).toBe(key[1]);
      expect(JSON.stringify(sent.headers)).not.toContain("environment-key");
      expect(request.parse(sent.body)).toEqual(sent.body);
      expect(reply).toMatchObject({ text: "Paris", thoughts: "Towers…", finish: "stop" });
      // With what was read from a cache, and with the thoughts.
      expect(reply.usage).toMatchObject({
        calls: 1,
        promptTokens: 100,
        completionTokens: 12,
        costUsd: (100 * 1 + 12 * 10) / 1e6,
      });
    });
    it("a reply that the token limit cut says so", async () => {
      const client = await openCase([wire.reply([wire.text("Par")], wire.ends.length)]);
      expect(await client.complete(body, never)).toMatchObject({ text: "Par", finish: "length" });
    });
    it.each(wire.ends.others)("a reply that ends with %s is an error", async (end) => {
      await expect(refused([wire.reply([wire.text("I cannot")], end)])).rejects.toMatchObject({
        code: "generator-unavailable",
        message: expect.stringContaining(end) as unknown,
      });
      expect(endpoint!.requests.length).toBe(1);
    });
    it("an upstream judge, too, takes no refusal for a text", async () => {
      const client = await openCase([wire.reply([wire.text("no")], wire.ends.others[0]!)]);
      await expect(client.readWhatever(body, never)).rejects.toMatchObject({
        code: "generator-unavailable",
      });
    });
    it.each([429, 500, 503, 529])("status %d is retried, and paid for once", async (status) => {
      const client = await openCase([
        { status, body: wire.error("overloaded_error", "Overloaded") },
        wire.reply([wire.text("Paris")], wire.ends.stop),
      ]);
      expect((await client.complete(body, never)).text).toBe("Paris");
      expect(endpoint!.requests.length).toBe(2);
    });
    it("another form, an empty reply and a broken one are errors", async () => {
      for (const fault of [json({ hello: 1 }), json([]), "cut", wire.reply([], wire.ends.stop)])
        await expect(refused([fault])).rejects.toMatchObject({
          code: "generator-unavailable",
        });
    });
    it("a refused key is said once, and stands in no message", async () => {
      const asked = refused([
        { status: 401, body: wire.error("authentication_error", "bad key secret-key") },
      ]);
      await expect(asked).rejects.toMatchObject({
        message: expect.stringMatching(/connection\.key.*bad key \[key\]/s) as unknown,
      });
      expect(endpoint!.requests.length).toBe(1);
    });
    it("a parameter that the model refuses is left out, unless the run sets it", async () => {
      const refusal = {
        status: 400,
        body: wire.error("invalid_request_error", "`temperature` is deprecated for this model."),
      };
      const good = wire.reply([wire.text("Paris")], wire.ends.stop);
      const client = await openCase([refusal, good]);
      expect((await client.complete(body, never)).text).toBe("Paris");
      expect(JSON.stringify(endpoint!.requests[1]!.body)).not.toContain("temperature");
      expect(client.describeRefused(model)).toContain("temperature");
      await endpoint!.close();
      const set = await openCase([refusal, good], {
        setParameters: { temperature: "the setting" },
      });
      await expect(set.complete(body, never)).rejects.toThrow("the setting");
    });
    it("what it cannot say is left out, and refused where the run sets it, before anything is sent", async () => {
      const client = await openCase([wire.reply([wire.text("Paris")], wire.ends.stop)]);
      const wanted = { ...body, logprobs: true, top_logprobs: 5, repetition_penalty: 1.1 };
      await client.complete(wanted, never);
      expect(request.parse(endpoint!.requests[0]!.body)).toEqual(endpoint!.requests[0]!.body);
      expect(client.describeRefused(model)).toContain("repetition_penalty");
      await endpoint!.close();
      const setParameters = { repetition_penalty: "methodSettings.repetitionPenalty" };
      const set = await openCase([wire.reply([], wire.ends.stop)], { setParameters });
      await expect(set.complete(wanted, never)).rejects.toThrow("methodSettings.repetitionPenalty");
      expect(endpoint!.requests.length).toBe(0);
    });
    it("goes on with no turn of the assistant and completes no prompt", async () => {
      const client = await openCase([]);
      const begun = [...BODY.messages, { role: "assistant", content: "<search>" }];
      await expect(client.complete({ ...body, messages: begun }, never)).rejects.toMatchObject({
        code: "unsupported",
      });
      const { model: name, max_tokens } = body;
      await expect(
        client.complete({ model: name, max_tokens, prompt: "Hello" }, never),
      ).rejects.toMatchObject({ code: "unsupported" });
      expect(endpoint!.requests.length).toBe(0);
    });
  },
);

describe("what is of one vendor", () => {
  it("Anthropic's stop string and refusal are read with their details", async () => {
    const [{ model }] = cases;
    const client = await open("anthropic", "/v1", [
      claude.reply([claude.text("<answer>Paris")], "stop_sequence", {
        stop_sequence: "</answer>",
      }),
    ]);
    expect(await client.complete({ ...BODY, model }, never)).toMatchObject({
      finish: "stop",
      stoppedAt: "</answer>",
    });
  });
  it("waits as long as Anthropic's header and Google's error ask", async () => {
    const wait = async (dialect: DialectName, limited: ScriptedReply, good: ScriptedReply) => {
      const client = await open(dialect, "/v1", [limited, good]);
      const start = performance.now();
      await client.complete(BODY, never);
      await endpoint!.close();
      return performance.now() - start;
    };
    const error = {
      code: 429,
      status: "RESOURCE_EXHAUSTED",
      message: "quota",
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "0.4s" }],
    };
    const good = gemini.reply([{ text: "Paris" }], "STOP");
    expect(
      await wait("gemini", { status: 429, body: JSON.stringify({ error }) }, good),
    ).toBeGreaterThan(390);
    const header = { status: 429, headers: { "retry-after": "0.4" } };
    const paris = claude.reply([claude.text("Paris")], "end_turn");
    expect(await wait("anthropic", header, paris)).toBeGreaterThan(390);
  });
  it("a prompt that Gemini blocks has no candidate: an error with the reason", async () => {
    const client = await open("gemini", "/v1beta", [
      json({
        promptFeedback: { blockReason: "PROHIBITED_CONTENT" },
        usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
      }),
    ]);
    await expect(client.complete(BODY, never)).rejects.toThrow("PROHIBITED_CONTENT");
    expect(endpoint!.requests.length).toBe(1);
  });
  it("Gemini takes a seed and five stop strings; a sixth is cut here", async () => {
    const client = await open("gemini", "/v1beta", [gemini.reply([{ text: "Paris\nf" }], "STOP")]);
    const reply = await client.complete(
      { ...BODY, seed: 7, stop: ["a?", "b?", "c?", "d?", "e?", "\n"] },
      never,
    );
    expect(reply).toMatchObject({ text: "Paris", stoppedAt: "\n" });
    expect(endpoint!.requests[0]!.body).toMatchObject({ generationConfig: { seed: 7 } });
    expect(JSON.stringify(endpoint!.requests[0]!.body)).not.toContain("stopSequences");
  });
  it("temperatures that Claude does not take are refused, not clamped", async () => {
    const client = await open("anthropic", "/v1", []);
    await expect(client.complete({ ...BODY, temperature: 1.5 }, never)).rejects.toThrow("up to 1");
    expect(endpoint!.requests.length).toBe(0);
  });
  it("top p beside a temperature is left out for Claude, and refused where the run sets it", async () => {
    const good = claude.reply([claude.text("Paris")], "end_turn");
    const model = "claude-sonnet-4-5";
    const client = await open("anthropic", "/v1", [good]);
    await client.complete({ ...BODY, model, top_p: 0.9 }, never);
    expect(client.describeRefused(model)).toContain("top_p");
    await endpoint!.close();
    const set = await open("anthropic", "/v1", [good], {
      setParameters: { top_p: "methodSettings.topP" },
    });
    await expect(set.complete({ ...BODY, model, top_p: 0.9 }, never)).rejects.toThrow(
      "methodSettings.topP",
    );
  });
  it("Azure is asked in OpenAI's form with its own header, below the resource's address", async () => {
    const client = await open("azure", "", ["Paris"]);
    expect((await client.complete({ ...BODY, model: "deployment" }, never)).text).toBe("Paris");
    const [sent] = endpoint!.requests;
    expect(sent!.path).toBe("/openai/v1/chat/completions");
    expect(sent!.headers["api-key"]).toBe("secret-key");
    expect(sent!.headers.authorization).toBeUndefined();
    expect(client.identity).toEqual({ dialect: "azure" });
  });
  it("a prompt that Azure filters is an error with the reason", async () => {
    const error = { code: "content_filter", message: "The response was filtered", param: "prompt" };
    const client = await open("azure", "", [{ status: 400, body: JSON.stringify({ error }) }]);
    await expect(client.complete(BODY, never)).rejects.toThrow("content_filter");
    expect(endpoint!.requests.length).toBe(1);
  });
  it("without a key none is sent, also not one of the environment", async () => {
    for (const dialect of ["anthropic", "gemini"] as const) {
      const reply =
        dialect === "gemini"
          ? gemini.reply([{ text: "Paris" }], "STOP")
          : claude.reply([claude.text("Paris")], "end_turn");
      const client = await open(dialect, "/v1", [reply], { apiKey: undefined });
      await client.complete(BODY, never);
      const { headers } = endpoint!.requests[0]!;
      expect(JSON.stringify(headers)).not.toMatch(/environment-key|x-api-key|x-goog-api-key/);
      await endpoint!.close();
    }
  });
  it("OpenAI's own dialect adds nothing to keys", () => {
    expect(new EndpointClient("http://127.0.0.1:1/v1", fast).identity).toEqual({});
  });
});
