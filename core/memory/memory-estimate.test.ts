import { describe, expect, it } from "vitest";
import { estimateMemory, countTrainedParameters, type MemorySpec } from "./memory-estimate";
import {
  countAdapterParameters,
  MODEL_SHAPES,
  countParameters,
  parseModelShape,
} from "./model-shape";

const GB = 1e9;
const demand: MemorySpec = {
  device: "cuda",
  dtypeBytes: 2,
  searcher: MODEL_SHAPES["qwen2.5-7b-instruct"]!,
  tuning: { kind: "lora", rank: 64, firstLayer: 0 },
  critic: null,
  generator: null,
  reference: true,
  episodes: 120,
  groupSize: 1,
  promptTokens: 1800,
  contextTokens: 8000,
  windowTokens: 1280,
  tokenBudget: 2048,
  cacheBytes: 2 ** 31,
  checkpointing: false,
  offloadOptimizer: false,
  vllmBytes: null,
};
const getBytes = (change: Partial<MemorySpec>, name: string): number =>
  estimateMemory({ ...demand, ...change }).parts.find((part) => part.name === name)?.bytes ?? 0;
const total = (change: Partial<MemorySpec>): number =>
  estimateMemory({ ...demand, ...change }).totalBytes;

describe("model shapes", () => {
  it.each([
    // Hugging Face hub (exact) and the Qwen2.5 report (arXiv 2412.15115, table 1), in billions.
    ["smollm2-135m-instruct", 0.1345],
    ["qwen2.5-0.5b-instruct", 0.49],
    ["qwen2.5-1.5b-instruct", 1.54],
    ["qwen2.5-3b-instruct", 3.09],
    ["qwen2.5-7b-instruct", 7.61],
  ])("of %s has its published number of parameters", (name, published) => {
    expect(Math.abs(countParameters(MODEL_SHAPES[name]!) / 1e9 / published - 1)).toBeLessThan(
      0.015,
    );
  });

  it("is read from a config.json of a known architecture, and of no other", () => {
    const config = {
      model_type: "qwen2",
      hidden_size: 896,
      num_hidden_layers: 24,
      num_attention_heads: 14,
      num_key_value_heads: 2,
      intermediate_size: 4864,
      vocab_size: 151_936,
      tie_word_embeddings: true,
      max_position_embeddings: 32_768,
    };
    expect(parseModelShape(config)).toEqual(MODEL_SHAPES["qwen2.5-0.5b-instruct"]);
    expect(parseModelShape({ ...config, model_type: "mamba" })).toBeNull();
    expect(parseModelShape("no object")).toBeNull();
  });

  it("an adapter has as many parameters as the engine gives it", () => {
    // Rank 16 on all seven maps of SmolLM2-135M, as the engine and PEFT lay it out.
    expect(countAdapterParameters(MODEL_SHAPES["smollm2-135m-instruct"]!, 16, 0)).toBe(4_884_480);
    expect(countAdapterParameters(MODEL_SHAPES["smollm2-135m-instruct"]!, 16, 20) * 3).toBe(
      4_884_480,
    );
  });
});

describe("the memory estimate", () => {
  it("counts full fine-tuning as sixteen bytes a parameter beside the weights", () => {
    const full = { tuning: { kind: "full", firstLayer: 0 }, reference: false } as const;
    const count = countTrainedParameters(demand.searcher, full.tuning);
    expect(count).toBe(countParameters(demand.searcher));
    expect(getBytes(full, "trained weights and optimiser")).toBe(16 * count);
    expect(getBytes(full, "merged weights")).toBe(2 * count);
    expect(getBytes({ ...full, dtypeBytes: 4 }, "merged weights")).toBe(0);
    expect(total(full)).toBeGreaterThan(135 * GB);
  });

  it("counts only what is trained from the first trained layer on", () => {
    const upper = countTrainedParameters(demand.searcher, { kind: "full", firstLayer: 27 });
    expect(upper).toBeLessThan(0.25 * GB);
    expect(
      getBytes({ tuning: { kind: "lora", rank: 64, firstLayer: 14 } }, "merged weights") * 2,
    ).toBe(getBytes({}, "merged weights"));
  });

  it("a critic of its own takes weights and optimiser, an adapter only the latter", () => {
    const tuning = { kind: "lora", rank: 64, firstLayer: 0 } as const;
    expect(
      getBytes({ critic: { shape: demand.searcher, tuning } }, "critic") -
        getBytes({ critic: { shape: null, tuning } }, "critic"),
    ).toBe(2 * countParameters(demand.searcher));
  });

  it("vLLM takes its share, and the engine neither merges nor samples then", () => {
    const withVllm = { vllmBytes: 32 * GB };
    expect(getBytes(withVllm, "vLLM")).toBe(32 * GB);
    expect(getBytes(withVllm, "merged weights") + getBytes(withVllm, "sampling")).toBe(0);
  });

  it("checkpointing keeps less of the activations, a longer context more, and a cache ends at its bound", () => {
    expect(getBytes({ checkpointing: true }, "gradient")).toBeLessThan(
      getBytes({}, "gradient") / 4,
    );
    expect(getBytes({ contextTokens: 4000 }, "gradient")).toBeLessThan(getBytes({}, "gradient"));
    const upper = {
      tuning: { kind: "lora", rank: 64, firstLayer: 14 },
      vllmBytes: 32 * GB,
    } as const;
    expect(getBytes(upper, "caches")).toBe(2 ** 31);
    expect(getBytes({ ...upper, cacheBytes: 2 ** 28 }, "caches")).toBe(2 ** 28);
    // Sampling between the micro-batches of a gradient keeps what it computes below the trained layers aside.
    const ahead = { tuning: upper.tuning, overlap: true, cacheBytes: 2 ** 28 };
    const lower = getBytes(ahead, "caches") - getBytes({ ...ahead, overlap: false }, "caches");
    expect(lower).toBeGreaterThan(0);
    expect(getBytes({ ...ahead, vllmBytes: 32 * GB }, "caches")).toBe(2 ** 28);
    // The engine's own sampling needs the keys of a whole batch, whatever the bound.
    expect(getBytes({}, "caches")).toBe(120 * 8000 * 28 * 2 * 512 * 2);
  });

  it("of a step's phases the largest counts on a GPU, all of them on a CPU", () => {
    for (const device of ["cuda", "cpu"] as const) {
      const { parts, totalBytes } = estimateMemory({ ...demand, device });
      const phases = parts.filter(({ phase }) => phase).map(({ bytes }) => bytes);
      const lasting = parts
        .filter(({ phase }) => !phase)
        .reduce((sum, { bytes }) => sum + bytes, 0);
      expect(totalBytes - lasting).toBeCloseTo(
        device === "cpu" ? phases.reduce((a, b) => a + b) : Math.max(...phases),
        -3,
      );
    }
  });
});
