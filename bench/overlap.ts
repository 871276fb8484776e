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
import { buildBar, machine, printBars, printTable, type BenchResult } from "./lib";

/**
 * What rolling out one step ahead (`rl.overlap`) saves: the small preset trains with a generator behind an endpoint that
 * takes seconds for an answer, as one on another machine does, without overlap, with the ratio to the sampler, and with
 * truncated importance weights, in turns. Sampling and gradient share the processor here, so what is saved is the wait.
 */
const ANSWER_SECONDS = 8;
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
export async function overlap(): Promise<BenchResult> {
  const services = new LocalServices();
  const folder = await mkdtemp(join(tmpdir(), "overlap-"));
  const endpoint = await ScriptedEndpoint.start(async ({ body }) => {
    await sleep(1000 * ANSWER_SECONDS);
    // Right or wrong by the prompt's length, so that rewards vary.
    return JSON.stringify(body.messages ?? body.prompt).length % 2 === 0 ? "yes" : "no";
  });
  const names = Object.keys(VARIANTS) as Variant[];
  const seconds = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  try {
    for (let round = 0; round < ROUNDS; round++)
      for (const name of names) {
        const config = buildConfig(name, endpoint.url);
        const workDir = join(folder, `${round}-${names.indexOf(name)}`);
        const context = new MemoryContext({ config, services, workDir });
        await executors.train(context);
        const steps = context
          .points("timing_s/step")
          .filter(({ step }) => step > 1 && step < STEPS)
          .map(({ value }) => value);
        seconds[name]!.push(...steps);
        console.log(`${name}: ${steps.map((s) => s.toFixed(1)).join(", ")} s`);
      }
  } finally {
    await endpoint.close();
    await services.close();
    await rm(folder, { recursive: true, force: true });
  }
  return report(names, seconds);
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

function report(names: readonly Variant[], seconds: Record<string, number[]>): BenchResult {
  const medians = names.map((name) => computeMedian(seconds[name]!));
  printTable([
    ["episodes", "s a step", "least", "most"],
    ...names.map((name, i) => [
      name,
      medians[i]!.toFixed(1),
      Math.min(...seconds[name]!).toFixed(1),
      Math.max(...seconds[name]!).toFixed(1),
    ]),
  ]);
  const bars = names
    .slice(1)
    .map((name, i) =>
      buildBar(`${name}, against in turn`, medians[0]! / medians[i + 1]!, "times", ">", 1),
    );
  printBars(bars);
  return {
    bench: "overlap",
    at: new Date().toISOString(),
    machine: machine(),
    answerSeconds: ANSWER_SECONDS,
    loadAverage: loadavg()[0],
    seconds,
    bars,
  };
}
