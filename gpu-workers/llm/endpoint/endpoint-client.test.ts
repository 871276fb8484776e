import { afterEach, describe, expect, it } from "vitest";
import { ScriptedEndpoint, type ScriptedReply } from "@/gpu-workers/testing/scripted-endpoint";
import { EndpointClient, type EndpointOptions, requireAnswer } from "./endpoint-client";
import { RateLimit } from "./rate-limit";
import { RetryStats } from "./retry-stats";

const fast: Partial<EndpointOptions> = {
  timeoutMs: 150,
  retryBudgetMs: 2000,
  firstPauseMs: 5,
  longestPauseMs: 10,
  apiKey: "sk-secret",
};
const never = new AbortController().signal;
const BODY = { model: "m", max_tokens: 8, prompt: "Say hello." };

let endpoint: ScriptedEndpoint | null = null;
afterEach(async () => {
  await endpoint?.close();
  endpoint = null;
});
async function openClient(
  replies: Parameters<typeof ScriptedEndpoint.start>[0],
  overrides: Partial<EndpointOptions> = {},
): Promise<EndpointClient> {
  endpoint = await ScriptedEndpoint.start(replies);
  return new EndpointClient(endpoint.url, { ...fast, ...overrides });
}

describe("faults of an endpoint", () => {
  const passing: [string, ScriptedReply][] = [
    ["429", { status: 429 }],
    ["500", { status: 500, body: "oops" }],
    ["a time-out", "hang"],
    ["a cut reply", "cut"],
    ["wrong JSON", { raw: '{"choices": [{"text": "hel' }],
    ["JSON of another kind", { raw: '{"choices": []}' }],
    ["a reply without content", { raw: '{"choices": [{"text": null, "finish_reason": "stop"}]}' }],
    ["an empty text that nobody says is whole", { raw: '{"choices": [{"text": ""}]}' }],
  ];
  it.each(passing)("%s is retried", async (_, fault) => {
    const { text, finish } = await (await openClient([fault, "hello"])).complete(BODY, never);
    expect([text, finish, endpoint!.requests.length]).toEqual(["hello", "stop", 2]);
  });
  it.each(passing)(
    "%s for ever is an error with the reason, never an empty answer",
    async (_, fault) => {
      await expect(
        (await openClient([fault], { retryBudgetMs: 30, timeoutMs: 40 })).complete(BODY, never),
      ).rejects.toMatchObject({ code: "generator-unavailable" });
    },
  );
  it("NaN and Infinity, as Python writes them, are none", async () => {
    const raw =
      '{"choices": [{"text": "is NaN", "finish_reason": "stop", "logprobs": {"top_logprobs": [{"a": -Infinity, "b": -1}]}}], "usage": {"prompt_tokens": NaN, "completion_tokens": 2}}';
    expect(await (await openClient([{ raw }])).complete(BODY, never)).toMatchObject({
      text: "is NaN",
      usage: { promptTokens: 0, completionTokens: 2 },
      alternatives: [{ token: "b", logprob: -1 }],
    });
    expect(endpoint!.requests).toHaveLength(1);
  });
  it("thoughts between marks that are not read are an error that names them", () => {
    const reply = { content: "", thoughts: null, finish: "stop" } as const;
    const text = "<|START_THINKING|>Paris?<|END_THINKING|>Rome";
    expect(() => requireAnswer({ ...reply, text }, "limit")).toThrow(
      /marks that are not read \("<\|START_THINKING\|>"\).*--reasoning-parser/,
    );
    expect(() => requireAnswer({ ...reply, text: "Rome" }, "limit")).not.toThrow();
  });
  it("every try is counted, answered or failed", async () => {
    const tries = new RetryStats();
    const asked = await openClient([{ status: 503 }, "cut", "hello", "hello"], {
      onAttempt: tries.record,
    });
    expect(tries.takeFailedShare()).toBeUndefined();
    await asked.complete(BODY, never);
    await asked.complete(BODY, never);
    expect(tries.takeFailedShare()).toBe(0.5);
    expect(tries.takeFailedShare()).toBeUndefined();
  });
  it("waits as long as it is told to", async () => {
    const start = performance.now();
    await (
      await openClient([{ status: 429, headers: { "retry-after": "1" } }, "hello"])
    ).complete(BODY, never);
    expect(performance.now() - start).toBeGreaterThan(950);
  });
  it("does not wait beyond its budget", async () => {
    await expect(
      (await openClient([{ status: 503, headers: { "retry-after": "3600" } }])).complete(
        BODY,
        never,
      ),
    ).rejects.toMatchObject({ message: expect.stringContaining("status 503") as unknown });
  });
  it("a refused key is not tried again, and is in no message", async () => {
    const asked = (await openClient([{ status: 401, body: "bad key sk-secret" }])).complete(
      BODY,
      never,
    );
    await expect(asked).rejects.toMatchObject({
      message: expect.stringMatching(/missing, wrong or revoked.*bad key \[key\]/) as unknown,
    });
    expect(endpoint!.requests.length).toBe(1);
    expect(endpoint!.requests[0]!.headers.authorization).toBe("Bearer sk-secret");
  });
  it("LiteLLM's word for a wrong key, where it has no database, names the setting", async () => {
    const raw =
      '{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}';
    await expect(
      (await openClient([{ status: 400, body: raw }])).complete(BODY, never),
    ).rejects.toMatchObject({ message: expect.stringContaining("connection.key") as unknown });
    expect(endpoint!.requests.length).toBe(1);
  });
  it("a redirection is not followed: it could carry the key elsewhere", async () => {
    await expect(
      (
        await openClient([{ status: 307, headers: { location: "http://127.0.0.1:9/" } }], {
          retryBudgetMs: 20,
        })
      ).complete(BODY, never),
    ).rejects.toMatchObject({ code: "generator-unavailable" });
  });
  it("stops at once when it is cancelled", async () => {
    const abort = new AbortController();
    const asked = (await openClient(["hang"], { timeoutMs: 60_000 })).complete(BODY, abort.signal);
    setTimeout(() => abort.abort(), 20);
    await expect(asked).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("accounting", () => {
  it("counts tokens, and costs by the prices that are set", async () => {
    const reply = { text: "hello", usage: { prompt_tokens: 1000, completion_tokens: 500 } };
    expect((await (await openClient([reply])).complete(BODY, never)).usage).toEqual({
      calls: 1,
      promptTokens: 1000,
      completionTokens: 500,
      costUsd: null,
    });
    await endpoint!.close();
    expect(
      (
        await (
          await openClient([reply], { promptPrice: 2, completionPrice: 8 })
        ).complete(BODY, never)
      ).usage.costUsd,
    ).toBeCloseTo(0.006, 12);
  });
  it("tells what every answered request took, and nothing of those that failed", async () => {
    const told: number[] = [];
    const asked = await openClient(
      [{ status: 500 }, { text: "hello", usage: { prompt_tokens: 7, completion_tokens: 2 } }],
      { onUsage: ({ promptTokens }) => told.push(promptTokens) },
    );
    await asked.complete(BODY, never);
    expect(told).toEqual([7]);
  });
  it("says where a text was cut", async () => {
    expect(
      (await (await openClient([{ text: "hel", finish: "length" }])).complete(BODY, never)).finish,
    ).toBe("length");
  });
});

describe("limits", () => {
  it("keeps to the requests at once", async () => {
    const asked = await openClient(
      async () => (await new Promise((resolve) => setTimeout(resolve, 20)), "hello"),
      { concurrency: 3, timeoutMs: 60_000 },
    );
    await Promise.all(Array.from({ length: 12 }, () => asked.complete(BODY, never)));
    expect([endpoint!.requests.length, endpoint!.mostAtOnce]).toEqual([12, 3]);
  });
  it("keeps to requests and tokens in any window", async () => {
    for (const bounds of [
      { concurrency: 100, requestsPerMinute: 2, tokensPerMinute: null },
      { concurrency: 100, requestsPerMinute: null, tokensPerMinute: 25 },
    ]) {
      const limit = new RateLimit(80);
      const entered: number[] = [];
      await Promise.all(
        Array.from({ length: 6 }, async () => {
          const permit = await limit.acquire(10, bounds, never);
          entered.push(performance.now());
          permit.release(10);
        }),
      );
      // Two in a window: the third comes at least a window after the first, and so on.
      for (let i = 2; i < entered.length; i++)
        expect(entered[i]! - entered[i - 2]!).toBeGreaterThan(75);
    }
  });
  it("lets a request that is larger than the budget go alone, and a cancelled one leave the queue", async () => {
    const limit = new RateLimit(40);
    const bounds = { concurrency: 1, requestsPerMinute: null, tokensPerMinute: 5 };
    const first = await limit.acquire(100, bounds, never);
    const abort = new AbortController();
    const waiting = limit.acquire(1, bounds, abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    first.release(100);
    (await limit.acquire(1, bounds, never)).release(1);
  });
  it("two clients of one server and key keep to them together; another key has its own", async () => {
    const slow = await openClient(
      async () => (await new Promise((resolve) => setTimeout(resolve, 20)), "hello"),
      { concurrency: 3, timeoutMs: 60_000 },
    );
    const second = new EndpointClient(`${endpoint!.url}/`, {
      ...fast,
      concurrency: 2,
      timeoutMs: 60_000,
    });
    await Promise.all(
      Array.from({ length: 12 }, (_, i) => (i % 2 ? slow : second).complete(BODY, never)),
    );
    expect([endpoint!.requests.length, endpoint!.mostAtOnce]).toEqual([12, 2]);
    // Once the stricter client asks nothing any more, its limit no longer holds.
    await Promise.all(Array.from({ length: 9 }, () => slow.complete(BODY, never)));
    expect(endpoint!.mostAtOnce).toBe(3);
    const other = new EndpointClient(endpoint!.url, {
      ...fast,
      apiKey: "sk-other",
      concurrency: 2,
      timeoutMs: 60_000,
    });
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? slow : other).complete(BODY, never)),
    );
    expect(endpoint!.mostAtOnce).toBe(5);
  });
  it("requests of one client count in the minute of the other", async () => {
    const limit = new RateLimit(80);
    const open = { concurrency: 100, requestsPerMinute: null, tokensPerMinute: null };
    for (let i = 0; i < 3; i++) (await limit.acquire(1, open, never)).release(1);
    const start = performance.now();
    await limit.acquire(1, { ...open, requestsPerMinute: 2 }, never);
    expect(performance.now() - start).toBeGreaterThan(60);
  });
});
