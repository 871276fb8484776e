import { loadavg } from "node:os";
import type { Datum, EngineResult } from "@/contracts/engine/dialect";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { countStepTokens } from "@/core/memory/memory-estimate";
import {
  buildMemorySpec,
  describePlannedMachine,
  judgeTrainingMemory,
  sharesBase,
} from "@/core/memory/training-memory";
import { findPreset } from "@/core/presets/run-presets";
import { compareWithPublished } from "@/core/scaling/published";
import { estimateStepTime, H100, type StepTime, type StepWork } from "@/core/scaling/step-time";
import { computeMedian } from "@/core/statistics/summary";
import {
  buildTrialDatum,
  createTokenDraw,
  planTrialBytes,
  readPeakBytes,
  TRIAL_MODEL,
  withTrialModel,
  type TrialWork,
} from "@/gpu-workers/llm/engine/testing/trial-engine";
import {
  buildBar,
  describeMachine,
  printBars,
  printTable,
  type BenchResult,
} from "@/bench/report/report";

/**
 * Log-probabilities, gradient and optimiser step on one and on two ranks of this machine, which are processes that
 * share its processors: seconds, what the ranks did, and the memory of the fullest one beside the plan's. Then what is
 * calculation, as no GPU was measured: the plan for the paper's model on 5 and 8 GPUs of 80 GB, its step's time on 1 to
 * 16, and the same calculation beside the times that verl publishes of a 7B model.
 */
const RANKS = [1, 2] as const;
const STEPS = 3;
/** It samples nothing and keeps no reference. */
const WORK = {
  firstLayer: 0,
  questions: 2,
  groupSize: 4,
  promptTokens: 120,
  contextTokens: 220,
  cacheBytes: 2 ** 28,
  isWhole: false,
  shardsBase: false,
} as const satisfies Partial<TrialWork>;
/** The plan may differ from what is measured by this share. */
const TOLERANCE = 0.25;
const GIB = 2 ** 30;

interface Measured {
  tuning: TrialWork["tuning"];
  ranks: number;
  secondsPerStep: number;
  computingShare: number | null;
  communicatingShare: number | null;
  peakBytes: number;
  plannedBytes: number;
}

export async function measureCluster(): Promise<BenchResult> {
  const measured: Measured[] = [];
  for (const tuning of ["lora", "full"] as const)
    for (const ranks of RANKS) measured.push(await measure({ ...WORK, tuning, ranks }));
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
  const calculated = calculateCluster();
  const bars = measured.map((m) =>
    buildBar(
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
    machine: describeMachine(),
    load: loadavg(),
    setting: {
      model: TRIAL_MODEL,
      questions: WORK.questions,
      group: WORK.groupSize,
      prompt: WORK.promptTokens,
      context: WORK.contextTokens,
    },
    measured,
    ...calculated,
    bars,
  };
}

/** What is calculation alone, printed: memory and time of the paper's setting, and verl's published times beside them. */
export function calculateCluster() {
  const plans = planPaperModel();
  console.log("\nBy calculation, Qwen2.5-7B:");
  printTable([
    ["preset", "trained", "GPUs", "GiB each", "of 80", "frozen base"],
    ...plans.map((p) => [p.preset, p.tuning, p.gpus, p.gibibytes.toFixed(1), p.verdict, p.base]),
  ]);
  const scaling = scalePaperModel();
  console.log(
    `\nBy calculation, a step of paper-full in seconds on ${H100.name}, every episode as long as it may become:`,
  );
  printTable([
    [
      "micro-batch",
      "GPUs",
      "sampling",
      "scores",
      "gradient",
      "step",
      "collectives",
      "tokens/s/GPU",
    ],
    ...scaling.map((s) => [
      s.microbatchTokens,
      s.gpus,
      ...[s.sampling, s.logprobs, s.gradient, s.total, s.communication].map((n) => n.toFixed(0)),
      s.tokensPerSecondAndGpu.toFixed(0),
    ]),
  ]);
  const published = compareWithPublished();
  console.log(
    `\nThe same calculation beside verl's published seconds (7B, DAPO, H20), episodes of ${published.contextTokens} tokens:`,
  );
  printTable([
    ["GPUs", "phase", "published", "calculated", "ratio"],
    ...published.phases.map((p) => [
      p.gpus,
      p.phase,
      p.published.toFixed(0),
      p.calculated.toFixed(0),
      (p.calculated / p.published).toFixed(2),
    ]),
  ]);
  return { calculated: plans, calculatedScaling: scaling, besidePublished: published };
}

/** Random tokens of groups that share their prompts. */
function buildData({ questions, groupSize, promptTokens, contextTokens }: TrialWork): Datum[] {
  const draw = createTokenDraw();
  return Array.from({ length: questions }, () => draw(promptTokens)).flatMap((prompt) =>
    Array.from({ length: groupSize }, () =>
      buildTrialDatum([...prompt, ...draw(contextTokens - promptTokens)], promptTokens, 1),
    ),
  );
}

const measure = (work: TrialWork): Promise<Measured> =>
  withTrialModel(work, async (model, client) => {
    const data = buildData(work);
    const seconds: number[] = [];
    let stepped: EngineResult<"optim_step"> = { gradNorm: 0, step: 0 };
    for (let step = 0; step <= STEPS; step++) {
      const started = performance.now();
      await model.forward({ adapter: true, data });
      await model.forwardBackward({ loss: "ppo", data });
      stepped = await model.optimStep({ learningRate: 1e-5 });
      // The first warms up.
      if (step > 0) seconds.push((performance.now() - started) / 1000);
    }
    const times = stepped.ranks ?? [];
    const sum = (read: (one: (typeof times)[number]) => number): number =>
      times.reduce((total, one) => total + read(one), 0);
    const all = sum((t) => t.computeSeconds + t.communicationSeconds + t.waitSeconds);
    const { tuning, ranks } = work;
    return {
      tuning,
      ranks,
      secondsPerStep: computeMedian(seconds),
      computingShare: ranks > 1 ? sum((t) => t.computeSeconds) / all : null,
      communicatingShare: ranks > 1 ? sum((t) => t.communicationSeconds) / all : null,
      peakBytes: await readPeakBytes(client, stepped),
      plannedBytes: planTrialBytes(work),
    };
  });

/** The paper's configuration, and the same with low-rank factors, on 5 and 8 GPUs of 80 GB. */
function planPaperModel(): {
  preset: string;
  tuning: "full" | "lora";
  gpus: number;
  gibibytes: number;
  verdict: string;
  /**
   * Whether a GPU holds what the searcher does not train whole, or its share, where whole weights would leave too
   * little room.
   */
  base: "none" | "whole on each" | "shared";
}[] {
  return (["full", "lora"] as const).flatMap((tuning) =>
    [5, 8].map((gpus) => {
      const config = trainConfigSchema.parse(findPreset("paper-full")!.config);
      config.searcher.tuning = tuning;
      const machine = describePlannedMachine(gpus, 80);
      const judged = judgeTrainingMemory(config, machine);
      if (judged === null) throw new Error("The shape of the paper's model is not known.");
      return {
        preset: "paper-full",
        tuning,
        gpus,
        gibibytes: judged.totalBytes / GIB,
        verdict: judged.verdict,
        base: !judged.parts.some(({ name }) => name === "weights")
          ? "none"
          : sharesBase(config, machine)
            ? "shared"
            : "whole on each",
      };
    }),
  );
}

/** Micro-batches of the engine's own size, and of one that hides the collectives between machines better. */
const MICROBATCHES = [2_048, 16_384] as const;

/** A step of the paper's setting on 1 to 16 GPUs of 80 GB, 8 in a machine; whether it fits there is the plan's to say. */
function scalePaperModel(): (StepTime & { microbatchTokens: number })[] {
  const config = trainConfigSchema.parse(findPreset("paper-full")!.config);
  const spec = buildMemorySpec(config, describePlannedMachine(8, 80));
  if (spec === null) throw new Error("The shape of the paper's model is not known.");
  const { rl, search, searcher } = config;
  const written = (search.turns + 1) * search.turnTokens;
  const miniBatches = rl.miniBatch === 0 ? 1 : Math.ceil(spec.episodes / rl.miniBatch);
  const work: Omit<StepWork, "microbatchTokens"> = {
    models: [
      // The old policy's log-probabilities and the reference's; the critic's values.
      { shape: spec.searcher, forwardPasses: 2 },
      { shape: spec.critic?.shape ?? spec.searcher, forwardPasses: 1 },
    ],
    episodes: spec.episodes,
    contextTokens: spec.contextTokens,
    writtenTokens: written,
    longestTokens: written,
    trainedTokens: countStepTokens(spec),
    epochs: rl.epochs,
    updates: rl.epochs * miniBatches,
    checkpointing: spec.checkpointing,
    samplingMemory: searcher.samplerMemory,
  };
  return MICROBATCHES.flatMap((microbatchTokens) =>
    [1, 2, 4, 8, 16].map((gpus) => ({
      microbatchTokens,
      ...estimateStepTime({ ...work, microbatchTokens }, gpus, H100),
    })),
  );
}
