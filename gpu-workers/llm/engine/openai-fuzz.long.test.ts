import { existsSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { getModelDir } from "@/lib/paths.mjs";
import { createHostileInputs } from "@/lib/testing/hostile-inputs";
import { EngineProcess } from "./process";

const base = getModelDir("smollm2-135m-instruct");
if (!existsSync(base)) console.warn(`skipped: ${base} is not installed (run the setup)`);

const partSchema = z.object({ type: z.literal("text"), text: z.string() });
const messageSchema = z.object({
  role: z.enum(["system", "user", "assistant"]),
  content: z.union([z.string(), z.array(partSchema), z.null()]),
});
/** What clients send; every other field is ignored. */
const requestSchema = z.object({
  model: z.enum(["m", "m:base"]),
  prompt: z.union([z.string(), z.array(z.string()), z.array(z.int())]).optional(),
  messages: z.array(messageSchema).min(1).optional(),
  max_tokens: z.int().min(1).max(4),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().positive().max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  n: z.int().min(1).max(2).nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  seed: z.int().nullish(),
  logprobs: z.union([z.boolean(), z.int()]).nullish(),
});

describe.skipIf(!existsSync(base))("the engine's OpenAI API, asked for anything", () => {
  let engine: EngineProcess;
  beforeAll(async () => {
    engine = await EngineProcess.start();
    await engine.client.createModel("m", {
      base,
      lora: { rank: 2, alpha: 4, firstLayer: 28 },
      seed: 1,
    });
  });
  afterAll(() => engine.stop());

  it.each(["/v1/completions", "/v1/chat/completions"])("%s has no defect", async (path) => {
    const inputs = createHostileInputs(requestSchema, { uuids: ["a"], texts: ["Say", " a word"] });
    const defects: string[] = [];
    for (const input of fc.sample(inputs, { seed: 12, numRuns: 80 })) {
      const body = JSON.stringify(input);
      const response = await fetch(engine.endpoint.url + path, {
        method: "POST",
        headers: {
          authorization: `Bearer ${engine.endpoint.secret}`,
          "content-type": "application/json",
        },
        body,
        signal: AbortSignal.timeout(30_000),
      });
      const text = await response.text();
      if (response.status >= 500)
        defects.push(`${body.slice(0, 300)} -> ${response.status} ${text.slice(0, 200)}`);
    }
    expect(defects).toEqual([]);
    expect(engine.isRunning).toBe(true);
  });
});
