import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { computeMedian } from "@/core/statistics/summary";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { executors } from "@/gpu-workers/jobs/executors";
import { LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import { ScriptedEndpoint } from "@/gpu-workers/testing/scripted-endpoint";
import { smallTrainingConfig } from "@/gpu-workers/testing/small-training";
import {
  buildBar,
  describeMachine,
  printBars,
  printTable,
  type BenchResult,
} from "@/bench/report/report";

/**
 * What rolling out one step ahead (`rl.overlap`) saves: the small preset trains without overlap, with the ratio to the
 * sampler, and with truncated importance weights, in turns; with a generator behind an endpoint that takes seconds for an
 * answer, as one on another machine does, and with one that answers at once. Sampling and gradient share the processor here,
 * so what is saved is the wait: where there is none, no gain is expected, and it has no bar.
 */
const ANSWER_SECONDS = [8, 0] as const;
const ROUNDS = 2;
/** The first step has nothing to overlap with, nor has the last. */
const STEPS = 5;

const VARIANTS = {
  "in turn": { overlap: false },
  "ahead, ratio to the sampler": { overlap: true },
  "ahead, truncated weights": { overlap: true, oldLogprobs: "trainer", truncateRatio: 2 },
} as const;
type Variant = keyof typeof VARIANTS;

/** Trains and measures it. */
export async function measureOverlap(): Promise<BenchResult> {
  const services = new LocalServices();
  const folder = await mkdtemp(join(tmpdir(), "overlap-"));
  let answerSeconds = 0;
  const endpoint = await ScriptedEndpoint.start(async ({ body }) => {
    await sleep(1000 * answerSeconds);
    // Right or wrong by the prompt's length, so that rewards vary.
    return JSON.stringify(body.messages ?? body.prompt).length % 2 === 0 ? "yes" : "no";
  });
  const names = Object.keys(VARIANTS) as Variant[];
  const measured = ANSWER_SECONDS.map((wait) => ({
    answerSeconds: wait,
    seconds: Object.fromEntries(names.map((name) => [name, [] as number[]])),
  }));
  try {
    for (const [part, { answerSeconds: wait, seconds }] of measured.entries())
      for (let round = 0; round < ROUNDS; round++)
        for (const name of names) {
          answerSeconds = wait;
          const config = buildConfig(name, endpoint.url);
          const workDir = join(folder, [part, round, names.indexOf(name)].join("-"));
          const context = new MemoryContext({ config, services, workDir });
          await executors.train(context);
          const steps = context
            .points("timing_s/step")
            .filter(({ step }) => step > 1 && step < STEPS)
            .map(({ value }) => value);
          seconds[name]!.push(...steps);
          const shown = steps.map((s) => s.toFixed(1)).join(", ");
          console.log(`answers after ${wait} s, ${name}: ${shown} s a step`);
        }
  } finally {
    await endpoint.close();
    await services.close();
    await rm(folder, { recursive: true, force: true });
  }
  return report(names, measured);
}

const buildConfig = (name: Variant, url: string): TrainConfig =>
  trainConfigSchema.parse({
    ...smallTrainingConfig,
    coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
    generator: { ...smallTrainingConfig.generator, endpoint: url },
    rl: {
      ...smallTrainingConfig.rl,
      steps: STEPS,
      questionsPerStep: 2,
      resample: 0,
      // Every group teaches, so that each step has a gradient to overlap with.
      algorithm: "reinforce++",
      klCoefficient: 0,
      ...VARIANTS[name],
    },
    checkpointing: { ...smallTrainingConfig.checkpointing, every: 100 },
  });

interface Measured {
  answerSeconds: number;
  /** Seconds of each step of a variant. */
  seconds: Record<string, number[]>;
}

function report(names: readonly Variant[], measured: readonly Measured[]): BenchResult {
  const parts = measured.map((part) => {
    const medians = names.map((name) => computeMedian(part.seconds[name]!));
    const gains = names.map((name, i): [Variant, number] => [name, medians[0]! / medians[i]!]);
    return { ...part, medians, gains: Object.fromEntries(gains.slice(1)) };
  });
  printTable([
    ["answers after", "episodes", "s a step", "least", "most", "of in turn"],
    ...parts.flatMap(({ answerSeconds, seconds, medians, gains }) =>
      names.map((name, i) => [
        `${answerSeconds} s`,
        name,
        medians[i]!.toFixed(1),
        Math.min(...seconds[name]!).toFixed(1),
        Math.max(...seconds[name]!).toFixed(1),
        gains[name]?.toFixed(2) ?? "",
      ]),
    ),
  ]);
  const waiting = parts.filter(({ answerSeconds }) => answerSeconds > 0);
  const bars = waiting.flatMap(({ answerSeconds, gains }) =>
    Object.entries(gains).map(([name, gain]) =>
      buildBar(`answers after ${answerSeconds} s: ${name}, against in turn`, gain, "times", ">", 1),
    ),
  );
  printBars(bars);
  return {
    bench: "overlap",
    at: new Date().toISOString(),
    machine: describeMachine(),
    loadAverage: loadavg()[0],
    parts,
    bars,
  };
}
