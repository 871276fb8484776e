import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { MemorySpec, Tuning } from "./memory-estimate";
import { countParameters, MODEL_SHAPES } from "./model-shape";
import { estimateShardedMemory } from "./sharded-memory";

const GIB = 2 ** 30;
/** Made by gpu-workers/engine/tests/fake_sharded_memory.py; test_sharded_memory.py measures some of them again. */
const caseSchema = z.object({
  model: z.string(),
  layers: z.int(),
  ranks: z.int(),
  tokens: z.int(),
  head: z.enum(["language", "value"]),
  lora_rank: z.int().nullable(),
});
const recordedSchema = z.array(
  caseSchema.extend({
    checkpointing: z.boolean(),
    bytes: z.number(),
  }),
);
const readRecorded = (name: string): unknown =>
  JSON.parse(
    readFileSync(new URL(`../../gpu-workers/engine/tests/${name}.json`, import.meta.url), "utf8"),
  );
const recorded = recordedSchema.parse(readRecorded("fake_sharded_memory"));
/** Of the engine's own layers, losses and state, by fake_engine_memory.py: all weights, or factors on a sharded base. */
const ofEngineSchema = z.array(
  caseSchema.extend({
    bytes: z.object({ forward: z.number(), gradient: z.number() }),
  }),
);
const ofEngine = ofEngineSchema.parse(readRecorded("fake_engine_memory"));

const buildTuning = (rank: number | null): Tuning =>
  rank === null ? { kind: "full", firstLayer: 0 } : { kind: "lora", rank, firstLayer: 0 };

/** One sequence of so many tokens on each rank, as the fake tensors' step has it. */
const buildSpec = (
  model: string,
  tuning: Tuning,
  change: Partial<MemorySpec> = {},
): MemorySpec => ({
  device: "cuda",
  dtypeBytes: 2,
  searcher: MODEL_SHAPES[model]!,
  tuning,
  critic: null,
  generator: null,
  reference: false,
  episodes: 1,
  groupSize: 1,
  promptTokens: 0,
  contextTokens: 8192,
  windowTokens: 0,
  tokenBudget: 8192,
  cacheBytes: 0,
  checkpointing: true,
  offloadOptimizer: false,
  // The engine samples nothing in these, and vLLM takes nothing.
  vllmBytes: 0,
  ...change,
});

/** Without weight: takes the searcher's place where the critic alone is looked at. */
const NOTHING: MemorySpec["searcher"] = {
  ...MODEL_SHAPES["qwen2.5-0.5b-instruct"]!,
  hidden: 1,
  layers: 1,
  heads: 1,
  kvHeads: 1,
  headDim: 1,
  intermediate: 1,
  vocabulary: 1,
};

/** What FSDP2 itself takes: without process. */
function countFsdpBytes(spec: MemorySpec, ranks: number): number {
  const { parts, totalBytes } = estimateShardedMemory(spec, {
    ranks,
    base: "torch",
  });
  return totalBytes - (parts.find(({ name }) => name === "process")?.bytes ?? 0);
}

const estimateRank = (spec: MemorySpec, ranks: number, base: "whole" | "sharded" = "whole") =>
  estimateShardedMemory(spec, { ranks, base });

describe("the memory of one of several ranks", () => {
  it.each(recorded)(
    "is within 10 % of the fake tensors' of $layers layers of $model, $head, rank of LoRA $lora_rank, on $ranks ranks with $tokens tokens",
    ({ model, layers, ranks, tokens, head, lora_rank, checkpointing, bytes }) => {
      const shape = { ...MODEL_SHAPES[model]!, layers };
      const work = { contextTokens: tokens, tokenBudget: tokens, checkpointing };
      const tuning = buildTuning(lora_rank);
      const spec = buildSpec(model, tuning, { ...work, searcher: shape });
      const estimate = countFsdpBytes(
        head === "language" ? spec : { ...spec, searcher: NOTHING, critic: { shape, tuning } },
        ranks,
      );
      expect(
        Math.abs(estimate / bytes - 1),
        `estimated ${(estimate / GIB).toFixed(2)}, fake tensors ${(bytes / GIB).toFixed(2)} GiB`,
      ).toBeLessThan(0.1);
    },
  );

  it.each(
    ofEngine.flatMap((entry) => [
      { ...entry, what: "log-probabilities" as const, measured: entry.bytes.forward },
      { ...entry, what: "gradient" as const, measured: entry.bytes.gradient },
    ]),
  )(
    "is within 10 % of the engine's fake tensors at $what, $layers layers of $model, $head, rank of LoRA $lora_rank, on $ranks ranks",
    ({ model, layers, ranks, tokens, head, lora_rank, what, measured }) => {
      const shape = { ...MODEL_SHAPES[model]!, layers };
      const tuning = buildTuning(lora_rank);
      const isPolicy = head === "language";
      const spec = buildSpec(model, tuning, {
        contextTokens: tokens,
        tokenBudget: tokens,
        reference: isPolicy,
        searcher: isPolicy ? shape : NOTHING,
        critic: isPolicy ? null : { shape, tuning },
      });
      const { parts } = estimateRank(spec, ranks, "sharded");
      const listSizes = (...names: string[]): number[] =>
        parts.filter(({ name }) => names.includes(name)).map(({ bytes }) => bytes);
      const lasting = listSizes(
        ...(isPolicy ? ["weights", "trained weights and optimiser"] : ["critic"]),
      ).reduce((sum, bytes) => sum + bytes, 0);
      const turns = what === "gradient" ? ["gradient", "reduced gradients"] : [what];
      const estimate = lasting + Math.max(...listSizes(...turns, "gather buffer"));
      expect(
        Math.abs(estimate / measured - 1),
        `estimated ${(estimate / GIB).toFixed(2)}, fake tensors ${(measured / GIB).toFixed(2)} GiB`,
      ).toBeLessThan(0.1);
    },
  );

  it("falls with every rank, towards what each rank has whole", () => {
    const spec = buildSpec("qwen2.5-7b-instruct", buildTuning(16));
    const totals = [2, 3, 5, 8, 16, 64, 1024].map((ranks) => estimateRank(spec, ranks).totalBytes);
    expect([...totals].sort((a, b) => b - a)).toEqual(totals);
    const { parts, totalBytes } = estimateRank(spec, 2 ** 30);
    const shared = parts.find(({ name }) => name === "trained weights and optimiser")!.bytes;
    expect(shared / totalBytes).toBeLessThan(1e-6);
    expect(totalBytes).toBeGreaterThan(2 * 7.6e9);
    // Where all weights are trained only a few layers and the activations are whole.
    const full = buildSpec("qwen2.5-7b-instruct", buildTuning(null), { reference: true });
    expect(estimateRank(full, 2 ** 30).totalBytes).toBeLessThan(12 * GIB);
  });

  it("a rank's share of what is trained is the whole divided by the ranks", () => {
    const getBytes = (ranks: number, offloadOptimizer: boolean): number =>
      estimateRank(
        buildSpec("qwen2.5-7b-instruct", buildTuning(null), { offloadOptimizer }),
        ranks,
      ).parts.find(({ name }) => name === "trained weights and optimiser")!.bytes;
    // Values, two moments, and FSDP2's copy in bfloat16; the gradient is there only for a while.
    expect(getBytes(4, false) * 4).toBe(14 * countParameters(MODEL_SHAPES["qwen2.5-7b-instruct"]!));
    expect(getBytes(4, true) / getBytes(4, false)).toBeCloseTo(6 / 14, 10);
  });

  it("a rank holds of a base what one of its models computes with and does not train", () => {
    const shape = MODEL_SHAPES["qwen2.5-7b-instruct"]!;
    const head = shape.vocabulary * shape.hidden;
    const getBytes = (tuning: Tuning, change: Partial<MemorySpec> = {}): number =>
      estimateRank(buildSpec("qwen2.5-7b-instruct", tuning, change), 4).parts.find(
        ({ name }) => name === "weights",
      )?.bytes ?? 0;
    const [lora, full] = [buildTuning(16), buildTuning(null)];
    const all = countParameters(shape);
    expect(getBytes(lora)).toBe(2 * all);
    expect(getBytes(full)).toBe(0);
    expect(getBytes(full, { critic: { shape: null, tuning: full } })).toBe(0);
    expect(getBytes(full, { critic: { shape: null, tuning: lora } })).toBe(2 * (all - head));
    const generator = { shape, sharesBase: true, tokens: 0 };
    expect(getBytes(full, { generator })).toBe(2 * all);
    const upper = getBytes({ kind: "full", firstLayer: 14 });
    expect(upper / (2 * (head + all / 2))).toBeCloseTo(1, 2);
    // A critic of its own, of which nothing is frozen either.
    const { parts } = estimateRank(
      buildSpec("qwen2.5-7b-instruct", full, { critic: { shape, tuning: full } }),
      4,
    );
    const critic = parts.find(({ name }) => name === "critic")!.bytes;
    expect((critic * 4) / (14 * (all - head))).toBeCloseTo(1, 6);
  });

  it("a rank holds its share of the base below factors on all layers, and gathers all of it to sample", () => {
    const shape = MODEL_SHAPES["qwen2.5-7b-instruct"]!;
    const all = 2 * countParameters(shape);
    const getSizes = (tuning: Tuning, change: Partial<MemorySpec> = {}): Record<string, number> =>
      Object.fromEntries(
        estimateRank(buildSpec("qwen2.5-7b-instruct", tuning, change), 4, "sharded").parts.map(
          ({ name, bytes }) => [name, bytes],
        ),
      );
    const lora = buildTuning(16);
    expect(getSizes(lora).weights).toBe(all / 4);
    const critics = { critic: { shape: null, tuning: lora } };
    expect(getSizes(lora, critics).weights, "both adapters share it").toBe(all / 4);
    expect(getSizes({ ...lora, firstLayer: 1 }).weights, "lower layers are whole").toBe(all);
    const sampled = getSizes(lora, { vllmBytes: null });
    expect(sampled["merged weights"], "not kept").toBeUndefined();
    expect(
      sampled.sampling! - getSizes({ ...lora, firstLayer: 1 }, { vllmBytes: null }).sampling!,
    ).toBeGreaterThan(1.8 * all);
    // At 72B, whole weights alone are more than a GPU has.
    const large = { ...shape, hidden: 8192, layers: 80, intermediate: 29_568 };
    const spec = buildSpec("qwen2.5-7b-instruct", lora, { searcher: large });
    expect(estimateRank(spec, 5).totalBytes).toBeGreaterThan(80 * GIB);
    expect(estimateRank(spec, 5, "sharded").totalBytes).toBeLessThan(64 * GIB);
  });

  it("log-probabilities of trained weights take a few layers, whatever the number of layers", () => {
    const getBytes = (layers: number): number =>
      estimateRank(
        buildSpec("qwen2.5-7b-instruct", buildTuning(null), {
          reference: true,
          searcher: { ...MODEL_SHAPES["qwen2.5-7b-instruct"]!, layers },
        }),
        5,
      ).parts.find(({ name }) => name === "log-probabilities")!.bytes;
    expect(getBytes(28)).toBe(getBytes(4));
    expect(getBytes(28)).toBeLessThan(6 * GIB);
  });

  it("on a CPU gathered layers leave holes, once in each pass, which sampling's whole weights leave room for", () => {
    const computeHoles = (
      change: Partial<MemorySpec>,
      tuning: Tuning = buildTuning(null),
    ): number =>
      estimateRank(buildSpec("smollm2-135m-instruct", tuning, change), 2).parts.find(
        ({ name }) => name === "fragmentation",
      )?.bytes ?? 0;
    const whole = 4 * countParameters(MODEL_SHAPES["smollm2-135m-instruct"]!);
    const onCpu = { device: "cpu", dtypeBytes: 4 } as const;
    expect(computeHoles(onCpu)).toBe(2 * whole);
    expect(computeHoles({ ...onCpu, vllmBytes: null })).toBe(whole);
    expect(computeHoles({}), "a GPU's allocator keeps blocks by size").toBe(0);
    expect(computeHoles(onCpu, buildTuning(16)) / whole, "factors are small").toBeLessThan(0.1);
  });

  it("a rank takes whole groups of the step, at least one", () => {
    const countSampling = (episodes: number, ranks: number): number =>
      estimateRank(
        buildSpec("qwen2.5-0.5b-instruct", buildTuning(16), {
          vllmBytes: null,
          episodes,
          groupSize: 4,
          promptTokens: 100,
          contextTokens: 400,
          cacheBytes: 2 ** 31,
        }),
        ranks,
      ).parts.find(({ name }) => name === "sampling")!.bytes;
    expect(countSampling(36, 4), "nine groups: the largest share has three").toBeGreaterThan(
      countSampling(32, 4),
    );
    expect(countSampling(36, 4)).toBe(countSampling(24, 2));
    expect(countSampling(4, 8)).toBe(countSampling(4, 2));
  });
});
