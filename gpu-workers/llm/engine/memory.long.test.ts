import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Datum } from "@/contracts/engine/dialect";
import { estimateMemory, type MemorySpec } from "@/core/memory/memory-estimate";
import { MODEL_SHAPES } from "@/core/memory/model-shape";
import { modelDir, PYTHON } from "@/lib/paths.mjs";
import { EngineProcess } from "./process";

const MODEL = "smollm2-135m-instruct";
const installed = existsSync(PYTHON) && existsSync(join(modelDir(MODEL), "config.json"));
const CACHE_BYTES = 2 ** 30;
/** What is measured may differ from the estimate by this share. */
const TOLERANCE = 0.25;

interface Work {
  what: string;
  firstLayer: number;
  questions: number;
  groupSize: number;
  promptTokens: number;
  contextTokens: number;
}

/** One step of training on random tokens, as a run does it; the peak of resident memory. */
async function measure({
  firstLayer,
  questions,
  groupSize,
  promptTokens,
  contextTokens,
}: Work): Promise<number> {
  const engine = await EngineProcess.start({
    device: "cpu",
    dtype: "float32",
    cacheBytes: CACHE_BYTES,
  });
  try {
    const model = await engine.client.createModel("m", {
      base: modelDir(MODEL),
      lora: { rank: 16, alpha: 32, firstLayer },
      seed: 1,
    });
    await model.snapshot("reference");
    let state = 1;
    const token = (): number => 100 + ((state = (state * 48_271) % 2_147_483_647) % 40_000);
    const prompts = Array.from({ length: questions }, () =>
      Array.from({ length: promptTokens }, token),
    );
    const written = contextTokens - promptTokens;
    const sequences = prompts.flatMap((ids) =>
      Array.from({ length: groupSize }, (_, s) => ({
        ids: [...ids, 50 + s, ...Array.from({ length: written - 17 }, token)],
        maxTokens: 16,
        temperature: 1,
        seed: s,
      })),
    );
    const sampled = await model.sample({ adapter: true, sequences });
    const data = sequences.map(({ ids }, i): Datum => {
      const all = [...ids, ...sampled.sequences[i]![0]!.ids];
      const values = all.map((_, at) => (at >= ids.length ? 1 : 0));
      return { ids: all, weights: values, advantages: values, logprobs: values.map(() => -5) };
    });
    await model.forwardBackward({ loss: "ppo", data });
    await model.optimStep({ learningRate: 1e-4 });
    return (await engine.client.getMemory()).peakResidentBytes;
  } finally {
    await engine.stop();
  }
}

const buildDemand = ({
  firstLayer,
  questions,
  groupSize,
  promptTokens,
  contextTokens,
}: Work): MemorySpec => ({
  device: "cpu",
  dtypeBytes: 4,
  searcher: MODEL_SHAPES[MODEL]!,
  tuning: { kind: "lora", rank: 16, firstLayer },
  critic: null,
  generator: null,
  reference: true,
  episodes: questions * groupSize,
  groupSize,
  promptTokens,
  contextTokens,
  windowTokens: contextTokens - promptTokens,
  tokenBudget: 2048,
  cacheBytes: CACHE_BYTES,
  checkpointing: false,
  offloadOptimizer: false,
  vllmBytes: null,
});

describe.skipIf(!installed)(
  `the memory estimate against the engine with ${MODEL} (needs the set-up's Python and model)`,
  () => {
    it.each<Work>([
      {
        what: "the default preset's step: upper third of the layers, short texts",
        firstLayer: 20,
        questions: 8,
        groupSize: 4,
        promptTokens: 120,
        contextTokens: 220,
      },
      {
        what: "all layers, contexts of 1,024 tokens",
        firstLayer: 0,
        questions: 1,
        groupSize: 4,
        promptTokens: 512,
        contextTokens: 1024,
      },
    ])("$what", async (work) => {
      const measured = await measure(work);
      const estimate = estimateMemory(buildDemand(work));
      expect(
        Math.abs(estimate.totalBytes / measured - 1),
        `estimated ${estimate.totalBytes}, measured ${measured}`,
      ).toBeLessThan(TOLERANCE);
    });
  },
);
