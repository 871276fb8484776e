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
  sharesBase,
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
    // Values and gradients of searcher and critic in float32, and one's gradient as it is computed.
    expect(one.totalBytes).toBeGreaterThan(7.6 * (8 + 8 + 8) * GB);
    const [, ranks] = /(\d+) GPUs of 80 GiB \(/.exec(one.advice!)!;
    const there = judgeTrainingMemory(config, describePlannedMachine(Number(ranks), 80))!;
    expect(there).toMatchObject({ verdict: "fits", advice: null, ranks: Number(ranks) });
    expect(there.ranks, "as the paper has it").toBe(5);
    const fewer = judgeTrainingMemory(config, describePlannedMachine(Number(ranks) - 1, 80))!;
    expect(fewer.verdict, "no fewer are enough").not.toBe("fits");
    expect(fewer.advice).toContain(`${ranks} GPUs of`);
  });

  it("the paper's full setting fits into five GPUs for training however its episodes are sampled", () => {
    const config = trainPreset("paper-full");
    const five = describePlannedMachine(5, 80);
    const { parts } = judgeTrainingMemory(config, five)!;
    const names = parts.map(({ name }) => name);
    expect(names, "all weights are trained, vLLM samples").not.toContain("weights");
    expect(names).not.toContain("sampling");
    const { offloadOptimizer: _, ...searcher } = config.searcher;
    const ways: Partial<TrainConfig["searcher"]>[] = [
      { sampler: "engine", offloadOptimizer: true },
      { samplerPlacement: "apart" },
    ];
    for (const way of ways) {
      const changed = { ...config, searcher: { ...searcher, ...way } };
      expect(judgeTrainingMemory(changed, five), JSON.stringify(way)).toMatchObject({
        verdict: "fits",
      });
    }
    const withoutPlace = judgeTrainingMemory({ ...config, searcher }, five)!;
    expect(withoutPlace.verdict).toBe("too small");
    expect(withoutPlace.advice).toMatch(
      /searcher\.offloadOptimizer=true \(.*searcher\.samplerPlacement=apart on further GPUs \(/,
    );
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

  it("ranks share the base below adapters where whole ones do not fit, and only there", () => {
    const config = trainPreset("paper-qwen2.5-7b");
    const small = describePlannedMachine(4, 24);
    expect(sharesBase(config, describePlannedMachine(4, 80))).toBe(false);
    expect(sharesBase(config, describePlannedMachine(1, 24))).toBe(false);
    expect(sharesBase(config, small)).toBe(true);
    const weights = estimateTrainingMemory(config, small)!.parts.find((p) => p.name === "weights")!;
    expect(weights.detail).toMatch(/^1\/4 of 7\.62 billion/);
    const upper = { ...config.searcher, adapter: { ...config.searcher.adapter, firstLayer: 1 } };
    expect(sharesBase({ ...config, searcher: upper }, small), "lower layers are whole").toBe(false);
    const generator = { ...config.generator, model: config.searcher.model, endpoint: null };
    expect(sharesBase({ ...config, generator }, small), "the generator needs it").toBe(false);
  });

  it("where more GPUs leave room for a whole base it is whole, and takes more of each than a share on fewer", () => {
    const config = trainPreset("paper-full");
    const lora = { ...config, searcher: { ...config.searcher, tuning: "lora" } } as const;
    const plan = (gpus: number) => {
      const machine = describePlannedMachine(gpus, 80);
      const { totalBytes, verdict, parts } = judgeTrainingMemory(lora, machine)!;
      const { detail } = parts.find(({ name }) => name === "weights")!;
      return [sharesBase(lora, machine), (totalBytes / 2 ** 30).toFixed(1), verdict, detail];
    };
    // The table in docs/guides/cluster.md.
    expect(plan(5)).toEqual([
      true,
      "55.2",
      "fits",
      "1/5 of 7.62 billion frozen parameters of 2 bytes, shared by the ranks",
    ]);
    expect(plan(8)).toEqual([
      false,
      "60.6",
      "fits",
      "7.62 billion frozen parameters of 2 bytes, whole on every rank",
    ]);
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
    })!;
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
    const machine = describeMachine(worker)!;
    expect(machine).toMatchObject({ device: "cuda", deviceBytes: 40 * 2 ** 30, ranks: 2 });
    const config = trainPreset("paper-qwen2.5-7b");
    expect(estimateTrainingMemory(config, machine)!.totalBytes).toBeLessThan(
      estimateTrainingMemory(config, { ...machine, ranks: 1 })!.totalBytes,
    );
  });

  it("of a Ray cluster's GPUs all count once the engine has joined it, whatever the worker's machine has", () => {
    const gpus = [{ memoryMb: 81_920 }];
    const capabilities = { device: "cuda", dtype: "bfloat16", ranks: null };
    const joining = { hardware: { memoryMb: 2 ** 18, gpus }, capabilities };
    expect(describeMachine(joining), "before").toBeNull();
    const ranks = [80, 80, 40].map((gib, rank) => ({
      rank,
      node: String(rank),
      device: "GPU",
      deviceMemoryBytes: gib * 2 ** 30,
      memoryBytes: 2 ** 38,
      dtype: "bfloat16" as const,
      pid: rank,
    }));
    const nodes = ranks.map(({ node, rank }) => ({
      id: node,
      address: "10.0.0.1",
      alive: true,
      cpus: 8,
      gpus: 1,
      memoryBytes: 2 ** 38,
      ranks: [rank],
    }));
    const cluster = { address: "auto", strategy: "spread" as const, nodes, ranks };
    const expected = { device: "cuda", dtype: "bfloat16", deviceBytes: 40 * 2 ** 30, ranks: 3 };
    expect(describeMachine({ ...joining, cluster })).toMatchObject(expected);
    const head = {
      hardware: { memoryMb: 8192, gpus: [] },
      capabilities: { ...capabilities, device: "cpu" },
    };
    expect(describeMachine({ ...head, cluster })).toMatchObject(expected);
    const onCpus = ranks.map((rank) => ({ ...rank, deviceMemoryBytes: 0 }));
    const oneHost = [{ ...nodes[0]!, ranks: [0, 1] }, nodes[2]!];
    expect(
      describeMachine({ ...head, cluster: { ...cluster, ranks: onCpus, nodes: oneHost } }),
    ).toMatchObject({ device: "cpu", deviceBytes: 2 ** 37, ranks: 3 });
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
