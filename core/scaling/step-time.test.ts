import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MODEL_SHAPES } from "@/core/memory/model-shape";
import { compareWithPublished, PUBLISHED } from "./published";
import { countForwardFlops, estimateStepTime, H100, type StepWork } from "./step-time";

const shape = MODEL_SHAPES["qwen2.5-7b-instruct"]!;
const buildWork = (changes: Partial<StepWork> = {}): StepWork => ({
  models: [{ shape, forwardPasses: 1 }],
  episodes: 256,
  contextTokens: 2_000,
  writtenTokens: 500,
  longestTokens: 500,
  trainedTokens: 512_000,
  epochs: 1,
  updates: 1,
  microbatchTokens: 16_000,
  checkpointing: true,
  samplingMemory: 0.8,
  ...changes,
});
const time = (gpus: number, changes: Partial<StepWork> = {}) =>
  estimateStepTime(buildWork(changes), gpus, H100);

describe("the time of a step on paper", () => {
  it("is the operations of the gradient by what a GPU reaches, where there is one", () => {
    // 28 layers of 2 (q and o) + 2 (k and v) + 3 (MLP) matrices, and the output matrix.
    const layer = 2 * 3584 * 3584 + 2 * 3584 * 512 + 3 * 3584 * 18_944;
    const multiplied = 28 * layer + 152_064 * 3584;
    const forward = 2 * multiplied + 2 * 28 * 3584 * 2_000;
    expect(countForwardFlops(shape, 2_000)).toBe(forward);
    const one = time(1);
    expect(one.communication).toBe(0);
    expect(one.gradient).toBeCloseTo((4 * forward * 512_000) / (0.4 * 989e12), 6);
    expect(one.logprobs).toBeCloseTo(one.gradient / 4, 6);
    expect(time(1, { checkpointing: false }).gradient).toBeCloseTo((one.gradient * 3) / 4, 6);
    const epochs = time(1, { epochs: 3 });
    expect(epochs.gradient).toBeCloseTo(3 * one.gradient, 6);
    expect(epochs.logprobs).toBeCloseTo(one.logprobs, 6);
    expect(one.total).toBeCloseTo(one.sampling + one.logprobs + one.gradient + one.optimiser, 6);
    expect(one.tokensPerSecondAndGpu).toBeCloseTo((256 * 2_000) / one.total, 6);
  });

  it("counts a collective by the slowest link that it crosses, and only what does not hide", () => {
    // Two gathers in bfloat16 and one scatter in float32 of 7.6 billion weights a micro-batch, of which 7/8 come from others.
    const bytes = (512_000 / 8 / 16_000) * 7.6e9 * (2 * 2 + 4) * (7 / 8);
    const within = time(8);
    const gather = within.communication / (1 + (2 * 2 + 4) / 2);
    expect((within.communication - gather) / (bytes / (450e9 * 0.8))).toBeCloseTo(1, 1);
    expect(within.gradient, "NVLink is faster than the operations").toBeCloseTo(
      time(1).gradient / 8,
      6,
    );
    // Small micro-batches over a network are bound by it.
    const across = time(16, { microbatchTokens: 1_000 });
    expect(across.gradient).toBeGreaterThan(2 * (time(1).gradient / 16));
    expect(across.communication).toBeGreaterThan(across.gradient);
  });

  it("samples by bytes: twice the GPUs take half the time until the longest episode bounds it", () => {
    const sampling = (gpus: number, longestTokens: number): number =>
      time(gpus, { episodes: 4_096, longestTokens }).sampling;
    expect(sampling(1, 1) / sampling(2, 1)).toBeGreaterThan(1.8);
    const tail = (20_000 * 7.6e9 * 2) / (3_350e9 * 0.6);
    expect(sampling(1_024, 20_000) / tail).toBeCloseTo(1, 1);
    expect(sampling(2_048, 20_000)).toBe(sampling(1_024, 20_000));
  });

  it("never falls by more than the GPUs are more", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 4_096 }),
        fc.integer({ min: 500, max: 20_000 }),
        (gpus, episodes, microbatchTokens) => {
          const changes = { episodes, trainedTokens: episodes * 2_000, microbatchTokens };
          expect(time(gpus, changes).total * gpus).toBeGreaterThanOrEqual(
            time(1, changes).total * (1 - 1e-9),
          );
        },
      ),
    );
  });

  it("stands beside every published phase but the one that the length is taken from", () => {
    const { contextTokens, phases } = compareWithPublished();
    expect(phases).toHaveLength(PUBLISHED.length * 3 - 1);
    // Answers of a few hundred to a few thousand tokens are what that model writes.
    expect(contextTokens).toBeGreaterThan(300);
    expect(contextTokens).toBeLessThan(5_000);
    for (const { gpus, phase, published, calculated } of phases)
      if (phase === "gradient")
        expect(calculated / published, `${phase} on ${gpus} GPUs`).toBeGreaterThan(0.5);
    for (const { published, calculated } of phases)
      expect(
        calculated / published,
        "a calculation of peaks is no slower than a trainer",
      ).toBeLessThan(1.5);
  });
});
