import { describe, expect, it } from "vitest";
import { PRESETS } from "@/core/presets/run-presets";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import {
  ASSUMED_MACHINE,
  describeMachine,
  describePlannedMachine,
  judgeMemory,
  judgeTrainingMemory,
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

  it("the paper's full setting does not fit into one GPU, and the advice names what makes it fit", () => {
    const config = trainPreset("paper-full");
    const one = judgeTrainingMemory(config, ASSUMED_MACHINE)!;
    expect(one.verdict).toBe("too small");
    // 16 bytes for each of 7.6 billion parameters of the critic, 20 of the searcher with its reference.
    expect(one.totalBytes).toBeGreaterThan(270 * GB);
    const [, ranks] = /(\d+) GPUs of 80\.0 GiB \(/.exec(one.advice!)!;
    const there = judgeTrainingMemory(config, describePlannedMachine(Number(ranks), 80))!;
    expect(there).toMatchObject({ verdict: "fits", advice: null, ranks: Number(ranks) });
    const fewer = judgeTrainingMemory(config, describePlannedMachine(Number(ranks) - 1, 80))!;
    expect(fewer.verdict, "no fewer are enough").not.toBe("fits");
    expect(fewer.advice).toContain(`${ranks} GPUs of`);
  });

  it("names single settings that make it fit, and each of them does", () => {
    const config = trainPreset("paper-full");
    const full = {
      ...config,
      rl: { ...config.rl, algorithm: "grpo" as const, questionsPerStep: 8, groupSize: 4 },
      searcher: { ...config.searcher, tuning: "full" as const, activationCheckpointing: true },
    };
    const two = describePlannedMachine(2, 80);
    const { advice, verdict } = judgeTrainingMemory(full, two)!;
    expect(verdict).toBe("too small");
    expect(advice).toContain("searcher.tuning=lora");
    const lora = { ...full, searcher: { ...full.searcher, tuning: "lora" as const } };
    expect(judgeTrainingMemory(lora, two)!.verdict).toBe("fits");
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
      ranks: 1,
    });
    expect(
      judgeMemory(
        estimateTrainingMemory(trainPreset("atlas-smollm2"), laptop)!.totalBytes,
        laptop.deviceBytes,
      ),
    ).toBe("fits");
  });

  it("several GPUs share the model equally, so the smallest counts", () => {
    const worker = {
      hardware: { memoryMb: 2 ** 18, gpus: [{ memoryMb: 40_960 }, { memoryMb: 81_920 }] },
      capabilities: { device: "cuda", dtype: "bfloat16" },
    };
    const machine = describeMachine(worker);
    expect(machine).toMatchObject({ device: "cuda", deviceBytes: 40 * 2 ** 30, ranks: 2 });
    const config = trainPreset("paper-qwen2.5-7b");
    expect(estimateTrainingMemory(config, machine)!.totalBytes).toBeLessThan(
      estimateTrainingMemory(config, { ...machine, ranks: 1 })!.totalBytes,
    );
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
