import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunConfigInput } from "@/contracts/run-config/run-config";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { executors } from "@/gpu-workers/jobs/executors";
import {
  LocalServices,
  MemoryContext,
  type MemoryContextOptions,
} from "@/gpu-workers/testing/memory-context";
import { canTrainHere, smallTrainingConfig } from "@/gpu-workers/testing/small-training";
import { STEP_PHASES } from "@/gpu-workers/runtime/stopwatch";
import { countTokens } from "@/core/metrics/episode-statistics";
import { computeMean } from "@/core/statistics/summary";
import { readTrainerState } from "@/gpu-workers/rl/trainer-state";

/** The end of a run evaluates held-out questions; a test that looks at none of them leaves that out. */
const NO_EVALUATION = { every: 0, questions: 0 };
/** The cost of length lets nearly every group vary, so that two questions a step are enough to learn from. */
const LENGTH_WEIGHT = 10;
const grpo: TrainConfig = trainConfigSchema.parse({
  ...smallTrainingConfig,
  search: { ...smallTrainingConfig.search, queryTokens: 8 },
  reward: { ...smallTrainingConfig.reward, weights: { gbr: 1, length: LENGTH_WEIGHT } },
  rl: { ...smallTrainingConfig.rl, questionsPerStep: 2, resample: 1 },
});

describe.skipIf(!canTrainHere)("the executors on the real engine and retriever", () => {
  const services = new LocalServices();
  let folder: string;
  const createContext = (
    options: Omit<MemoryContextOptions, "services" | "workDir"> & { name: string },
  ) => new MemoryContext({ ...options, services, workDir: join(folder, options.name) });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "train-"));
  });
  afterAll(async () => {
    await services.close();
    await rm(folder, { recursive: true, force: true });
  });

  let undisturbedRun: Promise<MemoryContext> | undefined;
  /** Two steps without a disturbance, once for all tests that begin with them. */
  const trainUndisturbed = (): Promise<MemoryContext> =>
    (undisturbedRun ??= (async () => {
      const context = createContext({ name: "undisturbed", config: grpo });
      await executors.train(context);
      return context;
    })());

  it("trains two steps and reports what it did", async () => {
    const whole = await trainUndisturbed();
    expect(whole.isRunning).toBe(true);
    expect(whole.preflightItems.map(({ state }) => state)).toEqual([
      "ready",
      "ready",
      "ready",
      "ready",
    ]);
    expect(whole.points("cold-start/loss").map(({ step }) => step)).toEqual([0, 1]);
    for (const name of [
      "reward/mean",
      "timing_s/step",
      "groups/without_variance",
      "memory/engine_peak_mb",
    ])
      expect(whole.points(name).map(({ step }) => step)).toEqual([1, 2]);
    for (const name of ["system/cpu", "system/memory_mb"]) {
      expect(whole.points(name).map(({ step }) => step)).toEqual([0, 1, 2]);
      for (const { value } of whole.points(name)) expect(value).toBeGreaterThan(0);
    }
    expect(whole.points("held-out/accuracy").map(({ step }) => step)).toEqual([2]);
    expect(whole.checkpoints.map(({ step }) => step)).toEqual([0, 1, 2]);

    const at = (name: string, step: number): number =>
      whole.points(name).find((point) => point.step === step)!.value;
    for (const step of [1, 2]) {
      const phases = [...STEP_PHASES, "other"].map((phase) => at(`timing_s/${phase}`, step));
      expect(phases.reduce((a, b) => a + b, 0)).toBeCloseTo(at("timing_s/step", step), 3);
    }
    const records = whole.records().filter(({ phase }) => phase === "train");
    // Groups without variance are there too, beside those drawn in their place.
    const { rl } = grpo;
    const groups = [1, 2].reduce(
      (sum, step) => sum + rl.questionsPerStep + at("groups/resampled", step),
      0,
    );
    expect(records).toHaveLength(groups * rl.groupSize);
    for (const { reward, score, baseline, episode } of records) {
      const gain = score!.value - baseline!.score.value;
      const length = (LENGTH_WEIGHT * countTokens(episode).actions) / 1000;
      expect(reward!.value).toBeCloseTo(gain - length, 12);
    }
    const texts = new Set(
      whole.reports.flatMap((item) =>
        item.kind === "episodes" ? item.documents.map(({ hash }) => hash) : [],
      ),
    );
    for (const { episode } of whole.records())
      for (const { hash } of episode.context) expect(texts.has(hash)).toBe(true);
  }, 600_000);

  it(
    "takes naive RAG's answers of earlier runs, and answers only the other questions anew",
    { tags: "long" },
    async () => {
      const ragRuns = "00000000-0000-4000-8000-00000000000a";
      const config: TrainConfig = {
        ...smallTrainingConfig,
        coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
        rl: {
          ...smallTrainingConfig.rl,
          steps: 1,
          questionsPerStep: 4,
          groupSize: 2,
          // Where all samples score alike, as most do, others are drawn in their place.
          resample: 1,
          filterAnswered: true,
          ragRuns,
        },
        evaluation: NO_EVALUATION,
      };
      const questions = await createContext({ name: "questions", config }).readQuestions(
        config.data.trainQuestions,
      );
      // Every other one is known; half of these were answered rightly, and leave the pool.
      const baselines = questions.flatMap(({ id, question, answers }, i) =>
        i % 2 === 1
          ? []
          : [
              {
                questionId: `cache ${id}`,
                question: question.replace(/\?*$/, "?"),
                options: null,
                golds: answers,
                imported: true,
                answer: {
                  key: `cached ${id}`,
                  generator: "another",
                  promptStyle: "upstream",
                  text: i % 4 === 0 ? answers[0]! : "none of them",
                  seconds: 0,
                },
                scores: [],
              },
            ],
      );
      const context = createContext({ name: "rag-runs", config, baselines });
      await executors.train(context);
      const share = `; naive RAG known of ${baselines.length} (50.0%) to train on, ${baselines.length} of them as imported files have it`;
      expect(context.preflightItems.map(({ detail }) => detail).join("\n")).toContain(share);
      expect(context.logged.map(([, message]) => message).join("\n")).toContain(
        "naive RAG's answers of rl.ragRuns are by another",
      );
      const stored = new Set(baselines.map(({ answer }) => answer.key));
      const records = context.records();
      const [resampled] = context.points("groups/resampled");
      expect(records).toHaveLength((4 + resampled!.value) * 2);
      for (const { reward, score, baseline } of records)
        expect(reward!.value).toBe(score!.value - baseline!.score.value);
      const known = records.filter(({ baseline }) => stored.has(baseline!.answer.key));
      expect(known.length).toBeGreaterThan(0);
      // What the cache answers rightly is not trained on.
      for (const { baseline } of known)
        expect([baseline!.answer.text, baseline!.score.value]).toEqual(["none of them", 0]);
      const byId = new Map(questions.map(({ id }, i) => [id, i]));
      for (const { baseline, episode } of records)
        expect(stored.has(baseline!.answer.key)).toBe(byId.get(episode.questionId)! % 2 === 0);
      // Nothing that is stored was answered by this run.
      for (const key of stored) expect(context.answers.has(key)).toBe(false);
      await expect(
        executors.train(createContext({ name: "no-rag-runs", config, baselines: [] })),
      ).rejects.toMatchObject({ code: "invalid-input" });
    },
  );

  it(
    "paused after a step and resumed, makes the steps of the undisturbed run and ends with its weights",
    { tags: "long", timeout: 600_000 },
    async () => {
      const whole = await trainUndisturbed();
      const states = await Promise.all(
        whole.checkpoints.map(({ directory }) => readTrainerState(directory)),
      );
      // Else nothing was learned and the comparison would say nothing.
      expect(new Set(states.map(({ weightsHash }) => weightsHash)).size).toBe(3);
      const config = {
        ...grpo,
        checkpointing: { every: 100, keep: 3 },
        evaluation: NO_EVALUATION,
      };
      const paused = createContext({
        name: "paused",
        config: { ...config, rl: { ...config.rl, steps: 9 } },
        resume: whole.checkpoints[0]!,
        onReport: (item) => {
          if (item.kind === "metrics" && item.points.some(({ name }) => name === "reward/mean"))
            paused.requests.pause = true;
        },
      });
      await executors.train(paused);
      expect(paused.isPaused).toBe(true);
      expect(paused.checkpoints.map(({ step }) => step)).toEqual([1]);
      // What it left is what the undisturbed run has left on its way.
      expect(await readTrainerState(paused.checkpoints[0]!.directory)).toEqual({
        ...states[1],
        answers: expect.anything() as unknown,
        alarms: expect.anything() as unknown,
      });
      const resumed = createContext({
        name: "resumed",
        config: { ...config, rl: { ...config.rl, steps: 1 } },
        resume: paused.checkpoints[0]!,
      });
      resumed.requests.steps = 2;
      await executors.train(resumed);
      expect(resumed.isPaused).toBe(false);
      expect(resumed.points("reward/mean")[0]!.value).toBe(whole.points("reward/mean")[1]!.value);
      expect(resumed.checkpoints.map(({ step }) => step)).toEqual([2]);
      const { weightsHash } = await readTrainerState(resumed.checkpoints[0]!.directory);
      expect(weightsHash).toBe(states[2]!.weightsHash);
    },
  );

  describe("PPO with a critic", () => {
    /** Everything that carries state from step to step: critic, mini-batches, epochs, an adaptive KL in the reward, warm-up. */
    const ppo: TrainConfig = trainConfigSchema.parse({
      ...smallTrainingConfig,
      coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
      evaluation: NO_EVALUATION,
      // The cost of length makes sure that every step has something to learn.
      reward: { ...smallTrainingConfig.reward, weights: { gbr: 1, length: 10 } },
      rl: {
        ...smallTrainingConfig.rl,
        algorithm: "ppo",
        steps: 3,
        questionsPerStep: 2,
        groupSize: 1,
        epochs: 2,
        miniBatch: 1,
        klIn: "reward",
        klTarget: 0.001,
        klHorizon: 8,
        oldLogprobs: "trainer",
        lrWarmupSteps: 1,
        schedule: "cosine",
        adamBeta2: 0.999,
        weightDecay: 0.01,
        critic: { learningRate: 1e-3, warmupSteps: 1, schedule: "linear", lrWarmupSteps: 2 },
      },
    });
    const states = (context: MemoryContext) =>
      Promise.all(context.checkpoints.map(({ directory }) => readTrainerState(directory)));
    let undisturbed: MemoryContext;

    it("trains critic and searcher, the searcher after the critic's warm-up", async () => {
      undisturbed = createContext({ name: "ppo", config: ppo });
      await executors.train(undisturbed);
      const [start, warm, second, third] = await states(undisturbed);
      expect(warm!.weightsHash).toBe(start!.weightsHash);
      expect(new Set([warm, second, third].map((state) => state!.weightsHash)).size).toBe(3);
      expect(new Set([start, warm, second, third].map((state) => state!.criticHash)).size).toBe(4);
      expect(new Set([warm, second, third].map((state) => state!.klCoefficient)).size).toBe(3);
      for (const name of [
        "critic/values/mean",
        "critic/vf_loss",
        "critic/grad_norm",
        "critic/kl",
        "critic/kl_coeff",
        "mismatch/logprob_mean",
      ] as const)
        expect(undisturbed.points(name).map(({ step }) => step)).toEqual([1, 2, 3]);
      // By then critic and KL tell tokens apart: each has its own advantage, and the episode their mean.
      for (const { episode, advantage } of undisturbed.records().filter(({ step }) => step === 3)) {
        const own = episode.steps.flatMap((one) =>
          one.kind === "generate" ? one.advantages!.filter((_, i) => one.mask![i] === 1) : [],
        );
        expect(computeMean(own)).toBeCloseTo(advantage!, 5);
      }
      expect(undisturbed.points("critic/lr").map(({ value }) => value)).toEqual([5e-4, 1e-3, 1e-3]);
      expect(undisturbed.points("actor/lr").map(({ step }) => step)).toEqual([2, 3]);
      const full = ppo.rl.learningRate;
      expect(undisturbed.points("actor/lr").map(({ value }) => value / full)).toEqual([
        1,
        expect.closeTo(0.5, 9),
      ]);
      // The trainer finds what the sampler said, to the last bits of what the engine computes in here.
      const engine = await services.acquireEngine();
      const { dtype } = await engine.value.getCapabilities();
      engine.release();
      for (const { value } of undisturbed.points("mismatch/logprob_max"))
        expect(value).toBeLessThan(dtype === "float32" ? 1e-3 : 0.25);
      const at = (name: string): number =>
        undisturbed.points(name).find(({ step }) => step === 2)!.value;
      expect(
        [...STEP_PHASES, "other"].reduce((sum, phase) => sum + at(`timing_s/${phase}`), 0),
      ).toBeCloseTo(at("timing_s/step"), 3);
    }, 600_000);

    it("resumed from the middle, ends with the weights, critic and KL of the undisturbed run, bit for bit", async () => {
      const resumed = createContext({
        name: "ppo-resumed",
        config: ppo,
        resume: undisturbed.checkpoints[2]!,
      });
      await executors.train(resumed);
      const [last] = await states(resumed);
      const expected = (await states(undisturbed))[3]!;
      expect(last).toEqual({ ...expected, answers: expect.anything() as unknown });
    }, 600_000);

    it(
      "trains weights themselves, with a critic that is a model of its own, and resumes alike",
      { tags: "long", timeout: 600_000 },
      async () => {
        const config: TrainConfig = {
          ...ppo,
          searcher: { ...ppo.searcher, tuning: "full" },
          rl: {
            ...ppo.rl,
            steps: 2,
            epochs: 1,
            miniBatch: 2,
            learningRate: 1e-4,
            critic: { ...ppo.rl.critic, kind: "model", learningRate: 1e-4, warmupSteps: 0 },
          },
        };
        const full = createContext({ name: "full", config });
        await executors.train(full);
        const [start, first, second] = await states(full);
        for (const key of ["weightsHash", "criticHash"] as const)
          expect(new Set([start, first, second].map((state) => state![key])).size).toBe(3);
        const resumed = createContext({
          name: "full-resumed",
          config,
          resume: full.checkpoints[1]!,
        });
        await executors.train(resumed);
        expect((await states(resumed))[0]).toEqual({
          ...second,
          answers: expect.anything() as unknown,
        });
      },
    );

    it(
      "branches from a checkpoint with its whole state, or with the weights alone",
      { tags: "long", timeout: 600_000 },
      async () => {
        const checkpoint = "00000000-0000-4000-8000-000000000002";
        const fetchCheckpoint = () =>
          Promise.resolve({ ...undisturbed.checkpoints[2]!, config: ppo });
        const branch = (checkpointState: "all" | "weights") =>
          createContext({
            name: `branch-${checkpointState}`,
            fetchCheckpoint,
            config: {
              ...ppo,
              searcher: { ...ppo.searcher, checkpoint, checkpointState },
              rl: { ...ppo.rl, steps: 1, critic: { ...ppo.rl.critic, warmupSteps: 0 } },
            },
          });
        const [all, weights] = [branch("all"), branch("weights")];
        await executors.train(all);
        await executors.train(weights);
        const from = (await states(undisturbed))[2]!;
        expect((await states(all))[0]).toMatchObject({
          step: 0,
          weightsHash: from.weightsHash,
          criticHash: from.criticHash,
          klCoefficient: from.klCoefficient,
          cursor: from.cursor,
        });
        const fresh = (await states(undisturbed))[0]!;
        // Its KL refers to the policy before any of it learned; that of the weights alone to those weights.
        const kl = ([all, weights] as const).map((run) => run.points("critic/kl")[0]!.value);
        expect(Math.abs(kl[0]!)).toBeGreaterThan(1e-6);
        expect(Math.abs(kl[1]!)).toBeLessThan(1e-6);
        expect((await states(weights))[0]).toMatchObject({
          weightsHash: from.weightsHash,
          criticHash: fresh.criticHash,
          klCoefficient: ppo.rl.klCoefficient,
          cursor: 0,
        });
      },
    );
  });

  it(
    "rolls the next step out while this one's gradient is taken: off-policy by one, drained before a checkpoint",
    { tags: "long", timeout: 600_000 },
    async () => {
      const config: TrainConfig = {
        ...smallTrainingConfig,
        coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
        evaluation: NO_EVALUATION,
        rl: {
          ...smallTrainingConfig.rl,
          steps: 4,
          questionsPerStep: 2,
          groupSize: 2,
          resample: 0,
          overlap: true,
          // Truncated importance weights: the trainer's present weights over those that sampled.
          oldLogprobs: "trainer",
          truncateRatio: 2,
        },
        checkpointing: { ...smallTrainingConfig.checkpointing, every: 3 },
      };
      const context = createContext({ name: "overlap", config });
      await executors.train(context);
      // Steps 1 and 4 begin after a checkpoint.
      expect(context.points("actor/off_policy_steps").map(({ value }) => value)).toEqual([
        0, 1, 1, 0,
      ]);
      // Reported, as the weights are; a step of tiny updates truncates few or none.
      for (const { value } of context.points("mismatch/truncated"))
        expect(value).toBeGreaterThanOrEqual(0);
      expect(context.points("mismatch/truncated").length).toBeGreaterThan(0);
      for (const step of [1, 2, 3, 4]) {
        const at = (name: string): number =>
          context.points(name).find((point) => point.step === step)!.value;
        expect(
          [...STEP_PHASES, "other"].reduce((sum, phase) => sum + at(`timing_s/${phase}`), 0),
        ).toBeCloseTo(at("timing_s/step"), 3);
      }
      const questions = [1, 2, 3, 4].map(
        (step) =>
          new Set(
            context
              .records()
              .filter((record) => record.phase === "train" && record.step === step)
              .map(({ episode }) => episode.questionId),
          ),
      );
      // Each step has questions of its own: none was taken twice or left out.
      const drawn = questions.reduce((sum, set) => sum + set.size, 0);
      expect(new Set(questions.flatMap((set) => [...set])).size).toBe(drawn);
    },
  );

  it("credits turns by what the answers after each gained, with GSPO's loss", async () => {
    const config: TrainConfig = {
      ...smallTrainingConfig,
      coldStart: { ...smallTrainingConfig.coldStart, demonstrations: 0 },
      evaluation: NO_EVALUATION,
      rl: {
        ...smallTrainingConfig.rl,
        algorithm: "gspo",
        normalisation: "sequence",
        credit: "turn",
        steps: 1,
        questionsPerStep: 2,
        groupSize: 3,
        resample: 0,
      },
    };
    const context = createContext({ name: "turns", config });
    await executors.train(context);
    const records = context.records().filter(({ phase }) => phase === "train");
    expect(records).toHaveLength(6);
    const turns = records.map(
      ({ episode }) => episode.steps.filter(({ kind }) => kind === "generate").length,
    );
    const [answers] = context.points("generator/turn_answers");
    // Of each turn but an episode's last one answer at most.
    expect(answers!.value).toBeLessThanOrEqual(turns.reduce((sum, n) => sum + n - 1, 0));
    for (const name of ["actor/pg_loss", "actor/grad_norm"])
      for (const { value } of context.points(name)) expect(Number.isFinite(value)).toBe(true);
  }, 600_000);

  it("predicts with a checkpoint, and goes on where it was", async () => {
    const config: RunConfigInput & { kind: "predict" } = {
      kind: "predict",
      name: "p",
      seed: 0,
      method: "s3",
      corpus: "atlas",
      questions: "atlas/held-out",
      limit: 2,
      retriever: smallTrainingConfig.retriever,
      search: smallTrainingConfig.search,
      searcher: {
        model: smallTrainingConfig.searcher.model,
        adapter: smallTrainingConfig.searcher.adapter,
        checkpoint: "00000000-0000-4000-8000-000000000002",
      },
      generator: smallTrainingConfig.generator,
      scorer: "span",
      documents: 3,
      matchRun: null,
    };
    const whole = await trainUndisturbed();
    const run = createContext({
      name: "predict",
      config,
      fetchCheckpoint: () => Promise.resolve({ ...whole.checkpoints[2]!, config: grpo }),
    });
    await executors.predict(run);
    expect(run.records()).toHaveLength(2);
    expect(run.points("progress/answered").at(-1)!.value).toBe(2);
    await executors.predict(run);
    expect(run.records()).toHaveLength(2);
    for (const { baseline } of run.records())
      expect(baseline!.context).toHaveLength(smallTrainingConfig.generator.ragDocuments);

    const naive = createContext({
      name: "naive",
      config: { ...config, method: "rag", documents: smallTrainingConfig.generator.ragDocuments },
    });
    await executors.predict(naive);
    expect(naive.records().map(({ baseline }) => baseline)).toEqual([null, null]);
    expect(naive.records().map(({ answer }) => answer!.text)).toEqual(
      run.records().map(({ baseline }) => baseline!.answer.text),
    );

    const matched = createContext({
      name: "matched",
      config: { ...config, method: "rag", matchRun: run.runId },
    });
    matched.readAnsweredQuestions = async (runId?: string) =>
      runId === undefined ? new Map() : run.readAnsweredQuestions();
    await executors.predict(matched);
    const counts = await run.readAnsweredQuestions();
    for (const { episode } of matched.records())
      expect(episode.context).toHaveLength(counts.get(episode.questionId)!);
  }, 600_000);
});
