import { setTimeout as sleep } from "node:timers/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ATLAS_DIR, getModelDir } from "@/lib/paths.mjs";
import { findPreset } from "@/core/presets/run-presets";
import type { RunConfigInput } from "@/contracts/run-config/run-config";
import { predict } from "@/gpu-workers/jobs/predict/predict";
import { LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import { serve } from "./serve";

const MODEL = "smollm2-135m-instruct";
const ready = existsSync(getModelDir(MODEL)) && existsSync(ATLAS_DIR);
if (!ready) console.warn("skipped: SmolLM2 and Atlas are not installed (run the setup)");

describe.skipIf(!ready)("the embedded model, served by the engine", () => {
  const services = new LocalServices();
  const stop = new AbortController();
  let serving: MemoryContext;
  let served: Promise<void>;
  let endpoint = "";

  beforeAll(async () => {
    serving = new MemoryContext({
      config: { ...findPreset("serve-smollm2")!.config },
      services,
      workDir: tmpdir(),
      signal: stop.signal,
    });
    served = serve(serving, { reportMs: 50, idleReportMs: 200, portMs: 1_000 });
    served.catch(() => undefined);
    while (!serving.progressed.at(-1)) await Promise.race([served, sleep(50)]);
    endpoint = serving.progressed.at(-1)!.detail;
  });
  afterAll(async () => {
    stop.abort();
    await expect(served).rejects.toMatchObject({ code: "cancelled" });
    await expect(fetch(`${endpoint}/models`)).rejects.toThrow();
    await services.close();
  });

  const run = async (over: object): Promise<MemoryContext> => {
    const config = { ...findPreset("atlas-rag")!.config, limit: 3, ...over } as RunConfigInput;
    const context = new MemoryContext({ config, services, workDir: tmpdir() });
    await predict(context);
    return context;
  };

  it("lists its model, and each need of the run was told", async () => {
    expect(await (await fetch(`${endpoint}/models`)).json()).toMatchObject({
      data: [{ id: MODEL }],
    });
    expect(serving.preflightItems.map(({ name, state }) => [name, state])).toEqual([
      ["model", "ready"],
      ["engine", "ready"],
    ]);
  });

  it("is the generator of a RAG run, and answers there as it does within the engine", async () => {
    const inside = await run({});
    const outside = await run({
      generator: {
        ...(findPreset("atlas-rag")!.config as { generator: object }).generator,
        endpoint,
      },
    });
    const texts = (context: MemoryContext) => context.records().map(({ answer }) => answer?.text);
    expect(texts(outside)).toHaveLength(3);
    expect(texts(outside)).toEqual(texts(inside));
    expect(outside.preflightItems.map(({ name }) => name)).not.toContain("engine");
  });

  it("is the model of a method that asks one itself", async () => {
    const context = await run({
      method: "direct",
      methodSettings: { maxTokens: 12 },
      searcher: { model: MODEL, endpoint },
    });
    expect(
      context.records().every(({ episode }) => (episode.ownAnswer?.text.length ?? 0) > 0),
    ).toBe(true);
    expect(context.preflightItems).toContainEqual(
      expect.objectContaining({ name: "searcher", state: "ready" }),
    );
  });

  it("continues an assistant's turn that has begun", async () => {
    const messages = [
      { role: "user", content: "What is the capital of France?" },
      { role: "assistant", content: "The capital of France is" },
    ];
    const reply = (await (
      await fetch(`${endpoint}/chat/completions`, {
        method: "POST",
        body: JSON.stringify({
          model: MODEL,
          messages,
          max_tokens: 3,
          temperature: 0,
          continue_final_message: true,
        }),
      })
    ).json()) as { choices: { message: { content: string } }[] };
    expect(reply.choices[0]!.message.content).toMatch(/^ Paris/);
  });

  it("reports tokens, latency and memory", async () => {
    while (
      !serving.reports.some(
        (item) =>
          item.kind === "metrics" &&
          item.points.some(({ name }) => name === "serve/latency_ms_p99"),
      )
    )
      await sleep(50);
    const names = new Set(
      serving.reports.flatMap((item) =>
        item.kind === "metrics" ? item.points.map(({ name }) => name) : [],
      ),
    );
    expect([...names]).toEqual(
      expect.arrayContaining([
        "serve/completion_tokens_per_second",
        "serve/memory_mb",
        "serve/waiting",
      ]),
    );
  });
});
