import { loadavg } from "node:os";
import type { Datum } from "@/contracts/engine/dialect";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { estimateMemory, type MemorySpec } from "@/core/memory/memory-estimate";
import { MODEL_SHAPES } from "@/core/memory/model-shape";
import { estimateShardedMemory } from "@/core/memory/sharded-memory";
import { describePlannedMachine, judgeTrainingMemory } from "@/core/memory/training-memory";
import { findPreset } from "@/core/presets/run-presets";
import { computeMedian } from "@/core/statistics/summary";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { modelDir } from "@/lib/paths.mjs";
import { bar, machine, printBars, printTable, type BenchResult } from "./lib";

/**
 * Log-probabilities, gradient and optimiser step on one and on two ranks of this machine, which are processes that share its
 * processors: seconds, what the ranks did, and the memory of the fullest one beside the plan's. Then the plan for the
 * paper's model on 5 and 8 GPUs of 80 GB, which is calculation: no GPU was measured, and no throughput by
 * verl of this model on these numbers of GPUs was found that it could be put beside.
 */
const MODEL = "smollm2-135m-instruct";
const RANKS = [1, 2] as const;
const STEPS = 3;
const SETTINGS = [
  { tuning: "lora", questions: 2 },
  { tuning: "full", questions: 2 },
] as const;
type Setting = (typeof SETTINGS)[number];
const GROUP = 4;
const PROMPT = 120;
const CONTEXT = 220;
const CACHE_BYTES = 2 ** 28;
const LORA_RANK = 16;
/** The plan may differ from what is measured by this share. */
const TOLERANCE = 0.25;
const GIB = 2 ** 30;

interface Measured {
  tuning: Setting["tuning"];
  ranks: number;
  secondsPerStep: number;
  computingShare: number | null;
  communicatingShare: number | null;
  peakBytes: number;
  plannedBytes: number;
}

export async function measureCluster(): Promise<BenchResult> {
  const measured: Measured[] = [];
  for (const setting of SETTINGS)
    for (const ranks of RANKS) measured.push(await measure(setting, ranks));
  printTable([
    ["trained", "ranks", "s/step", "computing", "communicating", "MiB a rank", "planned"],
    ...measured.map((m) => [
      m.tuning,
      m.ranks,
      m.secondsPerStep.toFixed(2),
      m.computingShare?.toFixed(2) ?? "",
      m.communicatingShare?.toFixed(2) ?? "",
      Math.round(m.peakBytes / 2 ** 20),
      Math.round(m.plannedBytes / 2 ** 20),
    ]),
  ]);
  const plans = planPaperModel();
  console.log("\nBy calculation, Qwen2.5-7B:");
  printTable([
    ["preset", "trained", "GPUs", "GiB each", "of 80"],
    ...plans.map((p) => [p.preset, p.tuning, p.gpus, p.gibibytes.toFixed(1), p.verdict]),
  ]);
  const bars = measured.map((m) =>
    bar(
      `memory of a rank as planned, ${m.tuning}, ${m.ranks === 1 ? "one rank" : `${m.ranks} ranks`}`,
      Math.abs(m.plannedBytes / m.peakBytes - 1),
      "share off",
      "<=",
      TOLERANCE,
    ),
  );
  printBars(bars);
  return {
    bench: "cluster",
    at: new Date().toISOString(),
    machine: machine(),
    load: loadavg(),
    setting: { model: MODEL, questions: 2, group: GROUP, prompt: PROMPT, context: CONTEXT },
    measured,
    calculated: plans,
    bars,
  };
}

/** Random tokens of `questions` groups that share their prompts. */
function buildData(questions: number): Datum[] {
  let state = 1;
  const draw = (): number => 100 + ((state = (state * 48_271) % 2_147_483_647) % 40_000);
  return Array.from({ length: questions }, () => Array.from({ length: PROMPT }, draw)).flatMap(
    (prompt) =>
      Array.from({ length: GROUP }, (): Datum => {
        const ids = [...prompt, ...Array.from({ length: CONTEXT - PROMPT }, draw)];
        const weights = ids.map((_, at) => (at < PROMPT ? 0 : 1 / (CONTEXT - PROMPT)));
        return { ids, weights, advantages: weights, logprobs: ids.map(() => -5) };
      }),
  );
}

async function measure({ tuning, questions }: Setting, ranks: number): Promise<Measured> {
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
        ? { lora: { rank: LORA_RANK, alpha: 32 } }
        : { lora: null, full: { firstLayer: 0 } }),
      seed: 1,
    });
    const data = buildData(questions);
    const seconds: number[] = [];
    let times: NonNullable<Awaited<ReturnType<typeof model.optimStep>>["ranks"]> = [];
    for (let step = 0; step <= STEPS; step++) {
      const started = performance.now();
      await model.forward({ adapter: true, data });
      await model.forwardBackward({ loss: "ppo", data });
      times = (await model.optimStep({ learningRate: 1e-5 })).ranks ?? [];
      // The first warms up.
      if (step > 0) seconds.push((performance.now() - started) / 1000);
    }
    const sum = (read: (one: (typeof times)[number]) => number): number =>
      times.reduce((total, one) => total + read(one), 0);
    const all = sum((t) => t.computeSeconds + t.communicationSeconds + t.waitSeconds);
    return {
      tuning,
      ranks,
      secondsPerStep: computeMedian(seconds),
      computingShare: ranks > 1 ? sum((t) => t.computeSeconds) / all : null,
      communicatingShare: ranks > 1 ? sum((t) => t.communicationSeconds) / all : null,
      peakBytes:
        ranks > 1
          ? Math.max(...times.map((t) => t.peakMemoryBytes))
          : (await engine.client.getMemory()).peakResidentBytes,
      plannedBytes: planSmallModel(tuning, questions, ranks),
    };
  } finally {
    await engine.stop();
  }
}

/** Bytes that the plan gives the measured work, which samples nothing and keeps no reference. */
function planSmallModel(tuning: Setting["tuning"], questions: number, ranks: number): number {
  const spec: MemorySpec = {
    device: "cpu",
    dtypeBytes: 4,
    searcher: MODEL_SHAPES[MODEL]!,
    tuning:
      tuning === "lora"
        ? { kind: "lora", rank: LORA_RANK, firstLayer: 0 }
        : { kind: "full", firstLayer: 0 },
    critic: null,
    generator: null,
    reference: false,
    episodes: questions * GROUP,
    groupSize: GROUP,
    promptTokens: PROMPT,
    contextTokens: CONTEXT,
    windowTokens: CONTEXT - PROMPT,
    tokenBudget: 2048,
    cacheBytes: CACHE_BYTES,
    checkpointing: false,
    offloadOptimizer: false,
    vllmBytes: 0,
  };
  const estimate =
    ranks > 1 ? estimateShardedMemory(spec, { ranks, base: "whole" }) : estimateMemory(spec);
  return estimate.totalBytes;
}

/** The paper's configuration, and the same with low-rank factors, on 5 and 8 GPUs of 80 GB. */
function planPaperModel(): {
  preset: string;
  tuning: "full" | "lora";
  gpus: number;
  gibibytes: number;
  verdict: string;
}[] {
  return (["full", "lora"] as const).flatMap((tuning) =>
    [5, 8].map((gpus) => {
      const config = trainConfigSchema.parse(findPreset("paper-full")!.config);
      config.searcher.tuning = tuning;
      const judged = judgeTrainingMemory(config, describePlannedMachine(gpus, 80));
      if (judged === null) throw new Error("The shape of the paper's model is not known.");
      return {
        preset: "paper-full",
        tuning,
        gpus,
        gibibytes: judged.totalBytes / GIB,
        verdict: judged.verdict,
      };
    }),
  );
}
