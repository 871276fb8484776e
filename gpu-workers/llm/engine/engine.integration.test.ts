import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AppError } from "@/contracts/errors";
import { getModelDir } from "@/lib/paths.mjs";
import { EngineClient, type EngineError, type EngineModel } from "./client";
import { EngineProcess } from "./process";

const base = getModelDir("smollm2-135m-instruct");
if (!existsSync(base)) console.warn(`skipped: ${base} is not installed (run the setup)`);

describe.skipIf(!existsSync(base))("the engine process with the default model", () => {
  let engine: EngineProcess;
  let model: EngineModel;
  let folder: string;
  const question = [504, 3575, 282, 4649, 314]; // "The capital of France is"
  const demonstration = { ids: [...question, 7042, 30], weights: [0, 0, 0, 0, 0, 1, 1] };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "engine-"));
    engine = await EngineProcess.start();
    model = await engine.client.createModel("m", {
      base,
      lora: { rank: 4, alpha: 8, firstLayer: 28 },
      seed: 1,
    });
  });
  afterAll(async () => {
    await engine.stop();
    expect(engine.isRunning).toBe(false);
    await rm(folder, { recursive: true });
  });

  it("tells what it is", async () => {
    const capabilities = await engine.client.getCapabilities();
    expect(capabilities.models).toEqual([
      { id: "m", base: "smollm2-135m-instruct", head: "language", step: 0 },
    ]);
    expect(capabilities.fingerprint).toMatch(/^[0-9a-f]{32}$/);
    expect(model.info).toMatchObject({ layers: 30, vocabulary: 49152, eosIds: [2] });
  });

  it("samples, alike under one seed", async () => {
    const sequences = [{ ids: question, maxTokens: 6, temperature: 1, seed: 5, n: 3 }];
    const first = await model.sample({ adapter: true, sequences });
    const again = await model.sample({ adapter: true, sequences });
    expect(first.sequences[0]).toHaveLength(3);
    expect(again.sequences[0]?.map((s) => s.ids)).toEqual(first.sequences[0]?.map((s) => s.ids));
    const greedy = await model.sample({
      adapter: false,
      sequences: [{ ids: question, maxTokens: 2, temperature: 0 }],
    });
    expect(greedy.sequences[0]?.[0]?.text).toBe(" Paris.");
  });

  it("samples only what a guide allows and encodes text as guided decoding would", async () => {
    const lark = 'start: "answer: " /[1-4]/ "!"';
    const { sequences } = await model.sample({
      adapter: true,
      sequences: [{ ids: question, guide: { lark }, maxTokens: 12, seed: 3, n: 4 }],
    });
    for (const one of sequences[0] ?? []) {
      expect(one.text).toMatch(/^answer: [1-4]!$/);
      expect(one.finishReason).toBe("guide");
      const encoded = await model.encodeGuided({ lark, text: one.text });
      expect(encoded).toEqual({ ids: one.ids, forced: one.forced });
    }
  });

  it("learns, and a state that is loaded goes on alike", async () => {
    const step = async (): Promise<number> => {
      const { loss } = await model.forwardBackward({
        loss: "cross_entropy",
        data: [demonstration],
      });
      await model.optimStep({ learningRate: 1e-2 });
      return loss;
    };
    const first = await step();
    await model.saveState(join(folder, "state"));
    const second = await step();
    expect(second).toBeLessThan(first);
    const { hash } = await model.getWeightsHash();
    expect((await model.loadState(join(folder, "state"))).step).toBe(1);
    expect(await step()).toBe(second);
    expect((await model.getWeightsHash()).hash).toBe(hash);
    expect((await model.export(join(folder, "peft"))).files).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
    ]);
  });

  it("has a critic beside the policy, and trains weights themselves", async () => {
    const critic = await engine.client.createModel("critic", {
      base,
      lora: { rank: 4, alpha: 8, firstLayer: 28 },
      head: "value",
      beside: "m",
      seed: 1,
    });
    const data = [{ ...demonstration, returns: [0, 0, 0, 0, 0, 1, 1] }];
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) {
      const { loss, values, logprobs, retriedOutOfMemory } = await critic.forwardBackward({
        loss: "value",
        data,
      });
      expect([values[0]?.length, logprobs, retriedOutOfMemory]).toEqual([7, [], 0]);
      losses.push(loss);
      await critic.optimStep({ learningRate: 1e-4 });
    }
    expect(losses[0]).toBe(1);
    expect(losses[2]).toBeLessThan(1);
    const { values, logprobs } = await critic.forward({ adapter: true, data });
    expect(values[0]?.slice(0, 5)).toEqual([0, 0, 0, 0, 0]);
    expect(logprobs).toEqual([]);
    await critic.delete();
    await expect(
      engine.client.createModel("both", { base, lora: { rank: 4, alpha: 8 }, full: {}, seed: 0 }),
    ).rejects.toThrow(/not both/);
    const full = await engine.client.createModel("full", {
      base,
      lora: null,
      full: { firstLayer: 29 },
      checkpointing: true,
      seed: 0,
    });
    await full.forwardBackward({ loss: "cross_entropy", data: [demonstration] });
    await full.optimStep({ learningRate: 1e-4, weightDecay: 0.1 });
    await full.export(join(folder, "full"));
    const { hash } = await full.getWeightsHash();
    expect((await full.importWeights(join(folder, "full"))).hash).toBe(hash);
    await full.delete();
  });

  it("refuses what is not valid and says why; a refused call uses no number up", async () => {
    const bad = model.forwardBackward({
      loss: "cross_entropy",
      data: [{ ids: question, weights: [0, 1] }],
    });
    await expect(bad).rejects.toThrow(/weights has 2 entries for 5 ids/);
    await expect(
      model.sample({ adapter: true, sequences: [{ ids: [99999], maxTokens: 1 }] }),
    ).rejects.toThrow(/outside the vocabulary/);
    await expect(model.optimStep({ learningRate: 1e-3 })).rejects.toThrow(/no gradient/);
    const gap = engine.client.runOperation("m", "optim_step", { learningRate: 1 }, 999);
    await expect(gap).rejects.toThrow(/leaves a gap/);
    await model.snapshot("start");
  });

  it("refuses a wrong secret", async () => {
    const stranger = new EngineClient({ url: engine.endpoint.url, secret: "guess" });
    await expect(stranger.getCapabilities()).rejects.toMatchObject({
      engineCode: "unauthorized",
    } satisfies Partial<EngineError>);
  });

  it("cancels within one forward pass and goes on", async () => {
    const abort = new AbortController();
    const started = Date.now();
    const long = model.sample(
      { adapter: true, sequences: [{ ids: question, maxTokens: 4000, seed: 1, n: 8 }] },
      { signal: abort.signal },
    );
    setTimeout(() => abort.abort(), 500);
    await expect(long).rejects.toMatchObject({ code: "cancelled" } satisfies Partial<AppError>);
    const early = new AbortController();
    const other = model.sample(
      { adapter: true, sequences: [{ ids: question, maxTokens: 4000, seed: 1, n: 8 }] },
      { signal: early.signal },
    );
    early.abort();
    await expect(other).rejects.toMatchObject({ code: "cancelled" } satisfies Partial<AppError>);
    expect(Date.now() - started).toBeLessThan(10_000);
    await model.getWeightsHash();
  });

  it("gives the memory of a deleted model's cache back", { tags: "long" }, async () => {
    const second = await engine.client.createModel("second", { base, lora: null, seed: 0 });
    const sequences = Array.from({ length: 32 }, (_, i) => ({
      ids: Array.from({ length: 250 }, (_, j) => 1000 + 300 * i + j),
      maxTokens: 1,
      temperature: 0,
    }));
    await second.sample({ adapter: false, sequences });
    const held = await engine.client.getMemory();
    await second.delete();
    const after = await engine.client.getMemory();
    const freed = held.cacheBytes - after.cacheBytes;
    expect(freed).toBeGreaterThan(100 * 2 ** 20);
    expect(held.residentBytes - after.residentBytes).toBeGreaterThan(freed / 2);
  });

  it("serves completions in OpenAI's form", async () => {
    const headers = {
      authorization: `Bearer ${engine.endpoint.secret}`,
      "content-type": "application/json",
    };
    const post = async (path: string, body: object): Promise<Record<string, unknown>> =>
      (await (
        await fetch(engine.endpoint.url + path, {
          method: "POST",
          headers,
          body: JSON.stringify(body),
        })
      ).json()) as Record<string, unknown>;
    const plain = await post("/v1/completions", {
      model: "m:base",
      prompt: "The capital of France is",
      max_tokens: 8,
      temperature: 0,
      stop: ".",
    });
    expect(plain.choices).toEqual([
      { index: 0, finish_reason: "stop", text: " Paris", logprobs: null },
    ]);
    const chat = await post("/v1/chat/completions", {
      model: "m:base",
      messages: [{ role: "user", content: "Say hello." }],
      max_tokens: 8,
      temperature: 0,
    });
    expect(chat).toMatchObject({
      object: "chat.completion",
      choices: [{ message: { role: "assistant" } }],
    });
    // Case 76: null is as left out, and text may come in parts.
    const optional = ["top_p", "n", "stream", "stop", "logprobs", "continue_final_message"];
    const withNulls = await post("/v1/chat/completions", {
      ...Object.fromEntries(optional.map((name) => [name, null])),
      model: "m:base",
      messages: [{ role: "user", content: [{ type: "text", text: "Say hello." }] }],
      max_tokens: 8,
      temperature: 0,
    });
    expect(withNulls.choices).toEqual(chat.choices);
    expect(await post("/v1/completions", { model: "m", prompt: "x", stream: true })).toMatchObject({
      error: { code: "unsupported" },
    });
  });
});

describe.skipIf(!existsSync(base))("an engine that dies", () => {
  it("is reported", async () => {
    let report: (error: AppError) => void = () => undefined;
    const reported = new Promise<AppError>((resolve) => (report = resolve));
    const engine = await EngineProcess.start({ onUnexpectedExit: report });
    process.kill(engine.pid ?? 0, "SIGKILL");
    expect((await reported).message).toContain("SIGKILL");
    const client = new EngineClient(engine.endpoint, { attempts: 2, retryMilliseconds: 10 });
    await expect(client.getCapabilities()).rejects.toMatchObject({ code: "engine-unavailable" });
  });
});
