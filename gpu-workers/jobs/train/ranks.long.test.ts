import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { EngineBody, EngineKind, EngineResult } from "@/contracts/engine/dialect";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { bootstrapClusters } from "@/core/statistics/bootstrap";
import { computeMean } from "@/core/statistics/summary";
import { executors } from "@/gpu-workers/jobs/executors";
import type { EngineClient, EngineModel } from "@/gpu-workers/llm/engine/client";
import { loadModels, readTrainerState } from "@/gpu-workers/rl/trainer-state";
import {
  readAtlasQuestions,
  LocalServices,
  MemoryContext,
} from "@/gpu-workers/testing/memory-context";
import { canTrainHere } from "@/gpu-workers/testing/small-training";
import { DATA_DIR } from "@/lib/paths.mjs";

const HOURS = 3_600_000;
const STEPS = 20;
const TOLERANCE = 1e-3;
/** A step is one optimiser step of each mini-batch, for the critic and for the policy. */
const MINI_BATCHES = 4;
const SEEDS = [1, 2, 3] as const;
const FREE_STEPS = 4;

const preset = trainConfigSchema.parse(findPreset("atlas-smollm2")!.config);
/**
 * The default preset with a quarter of a step's questions, still in four mini-batches, and a third of the cold start.
 * Model, adapters, losses and learning rates are the preset's.
 */
const configure = (over: {
  seed?: number;
  steps: number;
  evaluation: TrainConfig["evaluation"];
}): TrainConfig => ({
  ...preset,
  seed: over.seed ?? preset.seed,
  coldStart: { ...preset.coldStart, demonstrations: 64, validationQuestions: 0 },
  rl: { ...preset.rl, questionsPerStep: 2, miniBatch: 2, steps: over.steps },
  evaluation: over.evaluation,
  checkpointing: { ...preset.checkpointing, every: over.steps },
});

/** The engine of one process with two threads, or of two ranks with one thread each. */
const openServices = (ranks: 1 | 2): LocalServices =>
  new LocalServices({}, DATA_DIR, {
    device: "cpu",
    dtype: "float32",
    threads: 2,
    devices: ranks,
  });

/** What a model was asked, and what it answered. */
type Call = {
  [Kind in EngineKind]: {
    model: string;
    kind: Kind;
    body: EngineBody<Kind>;
    result: EngineResult<Kind>;
  };
}[EngineKind];

/** Notes in order what is asked through a client. */
function recordCalls(client: EngineClient, calls: Call[]): void {
  const run = client.runOperation.bind(client);
  client.runOperation = async (model, kind, body, ...rest) => {
    const result = await run(model, kind, body, ...rest);
    calls.push({ model, kind, body, result } as Call);
    return result;
  };
}

/** Loss or gradient norm of an optimiser step. */
interface Measure {
  of: string;
  one: number;
  two: number;
}

/** Relative; a critic that knows nothing yet, of episodes that gain nothing, has a loss of exactly 0. */
const computeDifference = ({ one, two }: Measure): number =>
  one === two ? 0 : Math.abs(two - one) / Math.abs(one);

/** Asks models for the gradients and optimiser steps that were recorded. */
async function replay(
  calls: readonly Call[],
  models: ReadonlyMap<string, EngineModel>,
): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const call of calls) {
    const model = models.get(call.model);
    const note = (what: string, one: number, two: number): void =>
      void measures.push({ of: `${call.model.split("-")[0]} ${what}`, one, two });
    if (call.kind === "forward_backward")
      note("loss", call.result.loss, (await model!.forwardBackward(call.body)).loss);
    if (call.kind !== "optim_step") continue;
    const { gradNorm, ranks } = await model!.optimStep(call.body);
    expect(ranks).toHaveLength(2);
    note("gradient norm", call.result.gradNorm ?? NaN, gradNorm ?? NaN);
  }
  return measures;
}

describe.skipIf(!canTrainHere)("the default preset on two ranks", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ranks-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Trains to the end. */
  async function train(
    name: string,
    services: MemoryContext["services"],
    config: TrainConfig,
  ): Promise<MemoryContext> {
    const run = new MemoryContext({ config, services, workDir: join(folder, name) });
    await executors.train(run);
    return run;
  }

  it(
    "has the loss and the gradient norm of one process in every step of the same episodes",
    async () => {
      const calls: Call[] = [];
      const services = openServices(1);
      const recorded = Object.assign(Object.create(services) as LocalServices, {
        acquireEngine: async () => {
          const handle = await services.acquireEngine();
          recordCalls(handle.value, calls);
          return handle;
        },
      });
      const config = configure({ steps: STEPS, evaluation: { every: 0, questions: 0 } });
      let run: MemoryContext;
      try {
        run = await train("recorded", recorded, config);
      } finally {
        await services.close();
      }
      expect(run.points("actor/grad_norm").map(({ step }) => step)).toEqual(
        Array.from({ length: STEPS }, (_, i) => i + 1),
      );

      const ranks = openServices(2);
      try {
        const { value: client } = await ranks.acquireEngine();
        const models = new Map<string, EngineModel>();
        for (const call of calls)
          if (call.kind === "create_model" && /^(searcher|critic)-/.test(call.model))
            models.set(call.model, await client.createModel(call.model, call.body));
        const [policy, critic] = models.values();
        const { directory } = run.checkpoints[0]!;
        const start = await readTrainerState(directory);
        await loadModels(directory, start, policy!, critic!, run.signal);
        // The cold start ends with the snapshot that the KL refers to.
        const measures = await replay(
          calls.slice(calls.findIndex(({ kind }) => kind === "snapshot")),
          models,
        );
        expect(measures).toHaveLength(STEPS * MINI_BATCHES * 2 * 2);
        const measureWorst = (of: string): number =>
          Math.max(...measures.filter((m) => m.of === of).map(computeDifference));
        const worst = Object.fromEntries(
          [...new Set(measures.map(({ of }) => of))].map((of) => [of, measureWorst(of)]),
        );
        console.log(`largest relative differences in ${STEPS} steps:`, worst);
        expect(Object.keys(worst)).toHaveLength(4);
        for (const [of, difference] of Object.entries(worst))
          expect(difference, of).toBeLessThan(TOLERANCE);
      } finally {
        await ranks.close();
      }
    },
    3 * HOURS,
  );

  it(
    "answers as well as that of one process where both go their own way, on three seeds",
    async () => {
      const trainAll = async (ranks: 1 | 2): Promise<MemoryContext[]> => {
        const services = openServices(ranks);
        const runs: MemoryContext[] = [];
        try {
          for (const seed of SEEDS) {
            const evaluation = { ...preset.evaluation, every: 0 };
            const config = configure({ seed, steps: FREE_STEPS, evaluation });
            runs.push(await train(`free-${ranks}-${seed}`, services, config));
          }
        } finally {
          await services.close();
        }
        return runs;
      };
      const ofOne = await trainAll(1);
      const ofTwo = await trainAll(2);
      const readScores = (run: MemoryContext) =>
        new Map(
          run
            .records()
            .filter(({ phase }) => phase === "held-out")
            .map(({ episode, score }) => [episode.questionId, score!.value]),
        );
      const describeRun = (run: MemoryContext): string =>
        `rewards ${run
          .points("reward/mean")
          .map(({ value }) => value.toFixed(3))
          .join(" ")}, held-out accuracy ${computeMean([...readScores(run).values()])!.toFixed(3)}`;
      for (const [i, seed] of SEEDS.entries())
        console.log(
          `seed ${seed}: one process: ${describeRun(ofOne[i]!)}; two ranks: ${describeRun(ofTwo[i]!)}`,
        );
      const groups = new Map(
        (await readAtlasQuestions(preset.data.heldOutQuestions)).map(({ id, group }) => [
          id,
          group,
        ]),
      );
      const differences = ofTwo.flatMap((two, i) => {
        const scores = readScores(ofOne[i]!);
        return [...readScores(two)].map(([id, score]) => ({
          value: score - scores.get(id)!,
          cluster: groups.get(id) ?? id,
        }));
      });
      expect(differences).toHaveLength(SEEDS.length * preset.evaluation.questions);
      const { mean, low, high } = bootstrapClusters(differences, { level: 0.99 });
      console.log(`two ranks against one: ${mean.toFixed(3)} (99%: ${low} to ${high})`);
      expect(low).toBeLessThanOrEqual(0);
      expect(high).toBeGreaterThanOrEqual(0);
      // Else there is too little to tell anything apart.
      expect(high - low).toBeLessThan(0.3);
    },
    3 * HOURS,
  );
});
