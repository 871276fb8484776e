import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Datum } from "@/contracts/engine/dialect";
import { estimateMemory, type MemorySpec } from "@/core/memory/memory-estimate";
import { estimateShardedMemory } from "@/core/memory/sharded-memory";
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
  /** Processes that share what is trained; 1: none shares. */
  ranks: number;
  tuning: "lora" | "full";
}

/** One step of training on random tokens, as a run does it; the peak of resident memory, of several ranks the largest. */
async function measure({
  ranks,
  tuning,
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
    devices: ranks,
  });
  try {
    const model = await engine.client.createModel("m", {
      base: modelDir(MODEL),
      ...(tuning === "lora"
        ? { lora: { rank: 16, alpha: 32, firstLayer } }
        : { lora: null, full: { firstLayer } }),
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
    const { referenceLogprobs } = await model.forward({
      adapter: true,
      data,
      reference: "reference",
    });
    expect(referenceLogprobs).toHaveLength(data.length);
    await model.forwardBackward({ loss: "ppo", data });
    const stepped = await model.optimStep({ learningRate: 1e-4 });
    if (ranks > 1) {
      expect(stepped.ranks).toHaveLength(ranks);
      return Math.max(...stepped.ranks!.map(({ peakMemoryBytes }) => peakMemoryBytes));
    }
    return (await engine.client.getMemory()).peakResidentBytes;
  } finally {
    await engine.stop();
  }
}

const buildDemand = ({
  tuning,
  firstLayer,
  questions,
  groupSize,
  promptTokens,
  contextTokens,
}: Work): MemorySpec => ({
  device: "cpu",
  dtypeBytes: 4,
  searcher: MODEL_SHAPES[MODEL]!,
  tuning: tuning === "lora" ? { kind: "lora", rank: 16, firstLayer } : { kind: "full", firstLayer },
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
        ranks: 1,
        tuning: "lora",
      },
      {
        what: "all layers, contexts of 1,024 tokens",
        firstLayer: 0,
        questions: 1,
        groupSize: 4,
        promptTokens: 512,
        contextTokens: 1024,
        ranks: 1,
        tuning: "lora",
      },
      {
        what: "two ranks with an adapter on all layers",
        firstLayer: 0,
        questions: 2,
        groupSize: 4,
        promptTokens: 256,
        contextTokens: 512,
        ranks: 2,
        tuning: "lora",
      },
      {
        what: "two ranks that train the weights of the upper third",
        firstLayer: 20,
        questions: 1,
        groupSize: 4,
        promptTokens: 120,
        contextTokens: 220,
        ranks: 2,
        tuning: "full",
      },
    ])("$what", async (work) => {
      const measured = await measure(work);
      const demand = buildDemand(work);
      const estimate =
        work.ranks > 1
          ? estimateShardedMemory(demand, { ranks: work.ranks, base: "whole" })
          : estimateMemory(demand);
      expect(
        Math.abs(estimate.totalBytes / measured - 1),
        `estimated ${estimate.totalBytes}, measured ${measured}`,
      ).toBeLessThan(TOLERANCE);
    });
  },
);
