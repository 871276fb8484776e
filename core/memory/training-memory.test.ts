import { describe, expect, it } from "vitest";
import { PRESETS } from "@/core/presets/run-presets";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import {
  ASSUMED_MACHINE,
  describeMachine,
  adviseOnMemory,
  judgeMemory,
  estimateTrainingMemory,
} from "./training-memory";

const GB = 1e9;
const trainPreset = (id: string): TrainConfig => {
  const config = runConfigSchema.parse(
    PRESETS.find((preset) => preset.id === id)!.config satisfies RunConfigInput,
  );
  if (config.kind !== "train") throw new Error(`${id} trains nothing`);
  return config;
};
const onGpu = (id: string): number =>
  estimateTrainingMemory(trainPreset(id), ASSUMED_MACHINE)!.totalBytes;

describe("the memory of a training run", () => {
  it("every training preset has an estimate, and larger searchers take more", () => {
    const totals = ["0.5b", "1.5b", "3b", "7b"].map((size) => onGpu(`paper-qwen2.5-${size}`));
    expect([...totals].sort((a, b) => a - b)).toEqual(totals);
    expect(judgeMemory(totals[3]!, ASSUMED_MACHINE.deviceBytes)).not.toBe("too small");
  });

  it("the paper's full setting does not fit into one GPU, and the advice says what to change", () => {
    const config = trainPreset("paper-full");
    const estimate = estimateTrainingMemory(config, ASSUMED_MACHINE)!;
    expect(judgeMemory(estimate.totalBytes, ASSUMED_MACHINE.deviceBytes)).toBe("too small");
    // 16 bytes for each of 7.6 billion parameters of the critic, 20 of the searcher with its reference.
    expect(estimate.totalBytes).toBeGreaterThan(270 * GB);
    expect(adviseOnMemory(estimate, config)).toContain("set searcher.tuning to lora");
  });

  it("vLLM takes its share of the engine's GPU, and nothing of it where it has its own", () => {
    const config = trainPreset("paper-qwen2.5-3b");
    const apart = {
      ...config,
      searcher: { ...config.searcher, samplerPlacement: "apart" },
    } as const;
    const shared = onGpu("paper-qwen2.5-3b");
    const own = estimateTrainingMemory(apart, ASSUMED_MACHINE)!;
    expect(own.parts.map(({ name }) => name)).not.toContain("vLLM");
    expect(shared - own.totalBytes).toBe(0.4 * ASSUMED_MACHINE.deviceBytes);
  });

  it("the default preset fits into a laptop", () => {
    const laptop = describeMachine({
      hardware: { memoryMb: 8192, gpus: [] },
      capabilities: { device: "cpu", dtype: "float32" },
    });
    expect(laptop).toEqual({
      device: "cpu",
      dtype: "float32",
      machineBytes: 2 ** 33,
      deviceBytes: 2 ** 33,
    });
    expect(
      judgeMemory(
        estimateTrainingMemory(trainPreset("atlas-smollm2"), laptop)!.totalBytes,
        laptop.deviceBytes,
      ),
    ).toBe("fits");
  });

  it("of several GPUs the largest counts: each holds the whole model", () => {
    const worker = {
      hardware: { memoryMb: 2 ** 18, gpus: [{ memoryMb: 40_960 }, { memoryMb: 81_920 }] },
      capabilities: { device: "cuda", dtype: "bfloat16" },
    };
    expect(describeMachine(worker)).toMatchObject({ device: "cuda", deviceBytes: 80 * 2 ** 30 });
  });

  it("says nothing of a model whose shape nobody knows, and uses the shape that a worker tells", () => {
    const config = {
      ...trainPreset("atlas-smollm2-grpo"),
      searcher: { ...trainPreset("atlas-smollm2-grpo").searcher, model: "a-model-of-ours" },
    };
    expect(estimateTrainingMemory(config, ASSUMED_MACHINE)).toBeNull();
    const shape = {
      hidden: 64,
      layers: 2,
      heads: 2,
      kvHeads: 2,
      headDim: 32,
      intermediate: 128,
      vocabulary: 1000,
      tied: true,
      maxLength: 512,
    };
    expect(
      estimateTrainingMemory(config, ASSUMED_MACHINE, { "a-model-of-ours": shape })!.totalBytes,
    ).toBeGreaterThan(0);
  });
});
