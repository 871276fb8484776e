import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ALGORITHM_NAMES } from "@/contracts/run-config/algorithm-names";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { EngineError } from "@/gpu-workers/llm/engine/client";
import { createAlgorithm } from "@/gpu-workers/rl/algorithms/create-algorithm";
import { computeTrialGradient, countSkippedInARow, updatePolicy } from "./update-policy";
import { splitIntoMiniBatches } from "./optimizer-epochs";
import { computeTokenWeights } from "./losses";
import { RecordingModel } from "./testing/recording-model";
import type { UpdateDependencies } from "./update-dependencies";
import type { Group } from "@/gpu-workers/rl/rollout";
import { Stopwatch } from "@/gpu-workers/runtime/stopwatch";

const config = (rl: object): TrainConfig =>
  trainConfigSchema.parse({
    kind: "train",
    name: "t",
    search: { decoding: "free" },
    rl: { questionsPerStep: 2, groupSize: 2, temperature: 0.7, ...rl },
  });

/** Two questions, two samples each: prompt, two turns with retrieved text between them, and a forced token. */
const groups: Group[] = [0, 1].map((q) => ({
  question: { id: `q${q}` } as Group["question"],
  baseline: {} as Group["baseline"],
  samples: [1, 0].map((reward, sampleIndex) => ({
    episode: {
      key: "e",
      method: "s3",
      protocol: "paper",
      questionId: `q${q}`,
      sampleIndex,
      context: [],
      steps: [
        {
          kind: "generate",
          turn: 0,
          seconds: 0,
          text: "",
          fed: 2,
          ids: [1, 2, 3, 4, 5],
          mask: [0, 0, 1, 0, 1],
          logprobs: [0, 0, -1.1, 0, -0.8],
        },
        {
          kind: "generate",
          turn: 1,
          seconds: 0,
          text: "",
          fed: 1,
          ids: [6, 7],
          mask: [0, 1],
          logprobs: [0, -0.9],
        },
      ],
    },
    outcome: {} as Group["samples"][number]["outcome"],
    reward: { name: "gbr", terms: [], value: reward },
  })),
}));
const MASK = [0, 0, 1, 0, 1, 0, 1];

const parts = (
  run: TrainConfig,
  more: Partial<UpdateDependencies> = {},
): UpdateDependencies & { policy: RecordingModel } => ({
  critic: run.rl.algorithm === "ppo" ? new RecordingModel() : null,
  algorithm: createAlgorithm(run.rl),
  config: run,
  totalSteps: run.rl.steps,
  klCoefficient: run.rl.klCoefficient,
  stopwatch: new Stopwatch(),
  signal: new AbortController().signal,
  untilSamplingEnds: () => Promise.resolve(),
  ...more,
  policy: (more.policy as RecordingModel | undefined) ?? new RecordingModel(),
});

describe("an update", () => {
  it.each(ALGORITHM_NAMES)(
    "%s: no fed, retrieved or forced token weighs anything or has an advantage",
    async (algorithm) => {
      const made = parts(config({ algorithm }));
      await updatePolicy(made, groups, 1);
      const data = [
        ...made.policy.gradients,
        ...((made.critic as RecordingModel | null)?.gradients ?? []),
      ].flatMap((body) => body.data);
      expect(data.length).toBeGreaterThan(0);
      for (const { weights, advantages, returns } of data) {
        expect(weights.map((w) => (w === 0 ? 0 : 1))).toEqual(MASK);
        for (const list of [advantages, returns])
          list?.forEach((value, i) => MASK[i] === 0 && expect(value).toBe(0));
      }
    },
  );

  it.each(["gspo", "cispo"] as const)("%s asks the engine for its own loss", async (algorithm) => {
    const run = config({ algorithm, clipHigh: 0.3 });
    const made = parts(run);
    await updatePolicy(made, groups, 1);
    const [request] = made.policy.gradients;
    expect(request!.loss).toBe(algorithm);
    expect(request!.config).toMatchObject({
      clipLow: algorithm === "gspo" ? 3e-4 : 1,
      clipHigh: 0.3,
    });
  });

  it("credit by turns gives each turn's tokens their own advantage", async () => {
    const made = parts(config({ algorithm: "dr-grpo", credit: "turn" }));
    const ofTurns = groups.map((group) => ({
      ...group,
      samples: group.samples.map((sample, i) => ({
        ...sample,
        turnRewards: [0, i === 0 ? 1 : 0].map((reward, turn) => ({ turn, reward })),
      })),
    }));
    await updatePolicy(made, ofTurns, 1);
    const [good, bad] = made.policy.gradients[0]!.data;
    // Rewards 0, 1 | 0, 0 of mean 0.25: two tokens of turn 0, one of turn 1.
    expect(good!.advantages).toEqual([0, 0, 0.5, 0, 0.5, 0, 0.75]);
    expect(bad!.advantages).toEqual([0, 0, -0.5, 0, -0.5, 0, -0.25]);
  });

  it("rejection sampling learns the best episodes alone", async () => {
    const made = parts(config({ algorithm: "rejection-sampling" }));
    const { advantages } = await updatePolicy(made, groups, 1);
    expect(made.policy.gradients.map(({ loss, data }) => [loss, data.length])).toEqual([
      ["cross_entropy", 2],
    ]);
    expect(advantages.map((group) => group.map(({ mean }) => mean))).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  it("GRPO: the loss is the mean over action tokens of the sampler's ratio, in one step", async () => {
    const made = parts(config({}));
    const { metrics, skipped } = await updatePolicy(made, groups, 1);
    expect(made.policy.calls).toEqual(["gradient", "step"]);
    const [body] = made.policy.gradients;
    expect(body!.data.flatMap(({ weights }) => weights).reduce((a, b) => a + b, 0)).toBeCloseTo(
      1,
      12,
    );
    expect(body!.data[0]!.logprobs).toEqual([0, 0, -1.1, 0, -0.8, 0, -0.9]);
    expect(body!.config).toMatchObject({
      clipLow: 0.2,
      clipHigh: 0.2,
      klCoef: 0,
      temperature: 0.7,
    });
    expect(skipped).toEqual([]);
    // The sampler said -1.1, -0.8, -0.9 where the trainer says -1.
    expect(metrics["mismatch/logprob_mean"]).toBeCloseTo(0.4 / 3, 12);
    expect(metrics["mismatch/kl"]).toBeCloseTo(0.2 / 3, 12);
    expect(metrics["mismatch/logprob_max"]).toBeCloseTo(0.2, 12);
    // Before the update, of the better episode of each question.
    expect(metrics["actor/positive_logprob"]).toBeCloseTo(-(1.1 + 0.8 + 0.9) / 3, 12);
    expect(metrics).toMatchObject({
      "actor/grad_norm": 2,
      "actor/pg_loss": 0.4,
      "actor/entropy_loss": 1,
      "actor/ratio_max": 1.25,
      "critic/score/mean": 0.5,
    });
  });

  it("PPO: values, then the critic in mini-batches and epochs, then the policy", async () => {
    const made = parts(
      config({
        algorithm: "ppo",
        miniBatch: 3,
        epochs: 2,
        lrWarmupSteps: 4,
        learningRate: 0.1,
        critic: { learningRate: 0.2 },
        whiten: false,
      }),
    );
    const { metrics } = await updatePolicy(made, groups, 1);
    const critic = made.critic as RecordingModel;
    const fourSteps = [
      "gradient",
      "step",
      "gradient",
      "step",
      "gradient",
      "step",
      "gradient",
      "step",
    ];
    expect(critic.calls).toEqual(["forward", ...fourSteps]);
    expect(made.policy.calls).toEqual(fourSteps);
    expect(critic.gradients.map(({ data }) => data.length)).toEqual([3, 1, 3, 1]);
    expect(
      made.policy.steps.map(({ learningRate, keepActivations }) => [learningRate, keepActivations]),
    ).toEqual([
      [0.025, true],
      [0.025, true],
      [0.025, true],
      [0.025, false],
    ]);
    // Reward 1 at the last action token, values 0.25, gamma = lambda = 1: the return is 1, the advantage 0.75.
    expect(critic.gradients[0]!.data[0]).toMatchObject({
      returns: [0, 0, 1, 0, 1, 0, 1],
      values: [0, 0, 0.25, 0, 0.25, 0, 0.25],
    });
    expect(made.policy.gradients[0]!.data[0]!.advantages).toEqual([0, 0, 0.75, 0, 0.75, 0, 0.75]);
    expect(metrics).toMatchObject({
      "critic/values/mean": 0.25,
      "critic/returns/max": 1,
      "critic/vf_explained_var": 0,
      "critic/lr": 0.05,
      "actor/lr": 0.025,
    });
  });

  it("reports how the ranks of a distributed engine spent the step, and nothing of one process", async () => {
    const made = parts(config({ algorithm: "grpo", epochs: 2 }));
    const rank = (rank: number, computeSeconds: number, waitSeconds: number) => ({
      rank,
      computeSeconds,
      waitSeconds,
      communicationSeconds: 1,
      peakMemoryBytes: (rank + 1) * 2 ** 20,
      tokens: 5,
    });
    made.policy.ranks = [rank(0, 4, 5), rank(1, 9, 0)];
    expect((await updatePolicy(made, groups, 1)).metrics).toMatchObject({
      "engine/communication_share": 0.1,
      "engine/rank_utilisation_min": 0.4,
      "engine/rank_utilisation_mean": 0.65,
      ...{ "engine/rank_utilisation/0": 0.4, "engine/rank_utilisation/1": 0.9 },
      ...{ "engine/ranks": 2, "engine/slowest_rank": 1 },
      "engine/rank_memory_max_mb": 2,
    });
    const alone = await updatePolicy(parts(config({ algorithm: "grpo" })), groups, 1);
    expect(Object.keys(alone.metrics).filter((name) => name.startsWith("engine/"))).toEqual([]);
  });

  it("PPO under upstream: the critic values and learns every token after the first prompt", async () => {
    const run = config({ algorithm: "ppo", whiten: false, critic: { learningRate: 0.2 } });
    const made = parts({ ...run, search: { ...run.search, protocol: "upstream" } });
    const { metrics, advantages } = await updatePolicy(made, groups, 2);
    const critic = made.critic as RecordingModel;
    const [first] = critic.gradients[0]!.data;
    // The prompt has two tokens; five follow in each of four episodes, whatever brought them about.
    expect(first!.weights).toEqual([0, 0, ...Array.from({ length: 5 }, () => 1 / 20)]);
    expect(first!.returns).toEqual([0, 0, 1, 1, 1, 1, 1]);
    expect(first!.values).toEqual([0, 0, 0.25, 0.25, 0.25, 0.25, 0.25]);
    // The policy learns its own tokens alone.
    const [own] = made.policy.gradients[0]!.data;
    expect(own!.weights.map((w) => (w === 0 ? 0 : 1))).toEqual(MASK);
    expect(own!.advantages).toEqual([0, 0, 0.75, 0, 0.75, 0, 0.75]);
    expect(advantages[0]![0]!.mean).toBeCloseTo(0.75, 12);
    expect(metrics["critic/values/mean"]).toBe(0.25);
    // Steps are counted from 0.
    expect(metrics["actor/lr"]).toBe(run.rl.learningRate);
    const start = parts({ ...run, search: { ...run.search, protocol: "upstream" } });
    expect((await updatePolicy(start, groups, 1)).metrics["actor/lr"]).toBe(0);
  });

  it("PPO under upstream: the state after the last token of a shorter episode is valued and learned", async () => {
    const run = config({ algorithm: "ppo", whiten: false, lambda: 0.5 });
    const made = parts({ ...run, search: { ...run.search, protocol: "upstream" } });
    const [first, ...others] = groups;
    const [short, ...samples] = first!.samples;
    const cut = { ...short!, episode: { ...short!.episode, steps: [short!.episode.steps[0]!] } };
    const shortened = [{ ...first!, samples: [cut, ...samples] }, ...others];
    const { advantages } = await updatePolicy(made, shortened, 2);
    const [shorter, longer] = (made.critic as RecordingModel).gradients[0]!.data;
    // Three tokens and what follows them, beside three episodes of five tokens.
    expect(shorter!.ids).toEqual([1, 2, 3, 4, 5, 5]);
    expect(shorter!.weights).toEqual([0, 0, ...Array.from({ length: 4 }, () => 1 / 19)]);
    expect(shorter!.values).toEqual([0, 0, 0.25, 0.25, 0.25, 0.25]);
    // A_3 = -0.25, A_2 = 1 + 0.25 - 0.25 - 0.125, A_1 = A_2 / 2, A_0 = A_2 / 4; the return adds the value.
    expect(shorter!.returns).toEqual([0, 0, 0.46875, 0.6875, 1.125, 0]);
    expect(longer!.ids).toHaveLength(7);
    const [own] = made.policy.gradients[0]!.data;
    expect([own!.ids, own!.advantages]).toEqual([
      [1, 2, 3, 4, 5],
      [0, 0, 0.21875, 0, 0.875],
    ]);
    expect(advantages[0]![0]).toEqual({ mean: 0.546875, turns: [[0, 0, 0.21875, 0, 0.875]] });
  });

  it("searcher and critic have schedules of their own, and AdamW its settings", async () => {
    const made = parts(
      config({
        algorithm: "ppo",
        steps: 9,
        learningRate: 0.1,
        schedule: "linear",
        adamBeta2: 0.999,
        weightDecay: 0.01,
        critic: { learningRate: 0.2, schedule: "cosine", lrWarmupSteps: 1 },
      }),
    );
    const { metrics } = await updatePolicy(made, groups, 4);
    expect(metrics["actor/lr"]).toBeCloseTo(0.1 * (6 / 9), 12);
    expect(metrics["critic/lr"]).toBeCloseTo(0.1 * (1 + Math.cos((Math.PI * 2) / 8)), 12);
    for (const model of [made.policy, made.critic as RecordingModel])
      expect(model.steps[0]).toMatchObject({ betas: [0.9, 0.999], weightDecay: 0.01 });
    expect(made.policy.steps[0]).not.toHaveProperty("decays");
    const released = parts({
      ...made.config,
      search: { ...made.config.search, protocol: "upstream" },
    } as TrainConfig);
    await updatePolicy(released, groups, 4);
    for (const model of [released.policy, released.critic as RecordingModel])
      expect(model.steps[0]).toMatchObject({ weightDecay: 0.01, decays: "all" });
  });

  it("PPO: in the critic's warm-up the policy stays", async () => {
    const made = parts(config({ algorithm: "ppo", critic: { warmupSteps: 2 } }));
    await updatePolicy(made, groups, 2);
    expect(made.policy.calls).toEqual([]);
    await updatePolicy(made, groups, 3);
    expect(made.policy.calls).toEqual(["gradient", "step"]);
  });

  it("the KL stands in the loss or in the reward, never in both", async () => {
    const inLoss = parts(config({ klCoefficient: 0.1 }));
    expect((await updatePolicy(inLoss, groups, 1)).metrics["actor/kl_loss"]).toBeCloseTo(
      Math.exp(-0.5) - 1 + 0.5,
      12,
    );
    expect(inLoss.policy.gradients[0]!.config).toMatchObject({ klCoef: 0.1 });
    expect(inLoss.policy.gradients[0]!.data[0]!.referenceLogprobs).toEqual(
      MASK.map((m) => -1.5 * m + 0),
    );

    const inReward = parts(
      config({ klCoefficient: 0.1, klIn: "reward", klEstimator: "k1", algorithm: "rloo" }),
    );
    const { metrics } = await updatePolicy(inReward, groups, 1);
    expect(inReward.policy.gradients[0]!.config).toMatchObject({ klCoef: 0 });
    expect(inReward.policy.gradients[0]!.data[0]!.referenceLogprobs).toBeUndefined();
    // k1 = -1 - -1.5 for each of three tokens.
    expect(metrics["critic/kl"]).toBeCloseTo(0.5, 12);
    expect(metrics["critic/rewards/max"]).toBeCloseTo(1 - 0.1 * 1.5, 12);
  });

  it("truncated importance sampling weighs tokens by trainer over sampler, at most the cap", async () => {
    const made = parts(config({ oldLogprobs: "trainer", truncateRatio: 1.05 }));
    const { metrics } = await updatePolicy(made, groups, 1);
    const { weights, logprobs } = made.policy.gradients[0]!.data[0]!;
    expect(logprobs).toEqual(MASK.map((m) => -m + 0));
    expect(weights[2]! * 12).toBeCloseTo(1.05, 12);
    expect(weights[4]! * 12).toBeCloseTo(Math.exp(-0.2), 12);
    expect(metrics["mismatch/truncated"]).toBeCloseTo(1 / 3, 12);
    expect(metrics["actor/positive_logprob"], "the trainer's, too").toBe(-1);
  });

  it("episodes of the weights one step before are weighed the same way, and no mismatch is told", async () => {
    const run = { oldLogprobs: "trainer", truncateRatio: 1.05 };
    const [made, plain] = [parts(config({ ...run, overlap: true })), parts(config(run))];
    const { metrics } = await updatePolicy(made, groups, 1);
    await updatePolicy(plain, groups, 1);
    expect(made.policy.gradients).toEqual(plain.policy.gradients);
    expect(metrics["mismatch/truncated"]).toBeCloseTo(1 / 3, 12);
    expect(metrics).not.toHaveProperty("mismatch/kl");
  });

  it("a loss that is not finite skips its optimiser step with the reason, and no other", async () => {
    const made = parts(config({ miniBatch: 2 }), {
      policy: new RecordingModel((gradient) => gradient === 1),
    });
    const { metrics, skipped, learned } = await updatePolicy(made, groups, 1);
    expect(made.policy.calls).toEqual(["gradient", "gradient", "step"]);
    expect([skipped, learned]).toEqual([["The loss is NaN."], true]);
    expect(metrics["actor/skipped_updates"]).toBe(1);
  });

  it("memory that does not suffice is told with the tokens that fitted", async () => {
    const made = parts(config({ miniBatch: 2 }), {
      policy: new RecordingModel(undefined, (gradient) => ({
        tokenBudget: 2048 / 2 ** gradient,
        retriedOutOfMemory: gradient,
      })),
    });
    const { metrics, outOfMemory } = await updatePolicy(made, groups, 1);
    expect([outOfMemory, metrics["memory/out_of_memory_retries"]]).toEqual([
      { retries: 3, tokenBudget: 512 },
      3,
    ]);
    const plain = await updatePolicy(parts(config({})), groups, 1);
    expect([plain.outOfMemory, plain.metrics["memory/out_of_memory_retries"]]).toEqual([null, 0]);
  });

  it("the policy's loss is told without KL and entropy, as verl tells it", async () => {
    expect(
      (await updatePolicy(parts(config({ entropyCoefficient: 0.01 })), groups, 1)).metrics[
        "actor/pg_loss"
      ],
    ).toBe(0.4);
  });

  it("three steps in a row that taught nothing stop the run with the reason; one that did begins the row anew", () => {
    const [good, bad, partly] = [
      { skipped: [], learned: true },
      { skipped: ["The loss is NaN."], learned: false },
      { skipped: ["The loss is NaN."], learned: true },
    ];
    expect([
      countSkippedInARow(0, good),
      countSkippedInARow(0, bad),
      countSkippedInARow(1, bad),
      countSkippedInARow(2, good),
      countSkippedInARow(2, partly),
    ]).toEqual([0, 1, 2, 0, 0]);
    expect(() => countSkippedInARow(2, bad)).toThrow(
      /3 steps in a row: The loss is NaN\..*learningRate/,
    );
  });

  it("any other failure of the engine ends the update", async () => {
    const policy = new RecordingModel();
    policy.optimStep = () => Promise.reject(new EngineError("out-of-memory", "no memory", false));
    await expect(updatePolicy(parts(config({}), { policy }), groups, 1)).rejects.toThrow(
      "no memory",
    );
  });

  it("the policy's weights change only when nobody samples any more; the critic does not wait", async () => {
    let settle: () => void = () => undefined;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    const made = parts(config({ algorithm: "ppo" }), { untilSamplingEnds: () => settled });
    const update = updatePolicy(made, groups, 1);
    await sleep(20);
    expect([(made.critic as RecordingModel).calls.at(-1), made.policy.calls]).toEqual([
      "step",
      ["gradient"],
    ]);
    settle();
    await update;
    expect(made.policy.calls).toEqual(["gradient", "step"]);
  });

  it("a dry run's has no gradient beside another one, and changes no weight", async () => {
    const made = parts(config({ algorithm: "ppo" }));
    await computeTrialGradient(made, groups);
    for (const { calls, steps } of [made.critic as RecordingModel, made.policy])
      expect([...calls.slice(-2), steps[0]!.learningRate]).toEqual(["gradient", "step", 0]);
  });
});

describe("normalisation", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
  it("by token and by sequence weigh 1 in all; by a constant, the longest episode would", () => {
    fc.assert(
      fc.property(
        lengths,
        fc.constantFrom("token" as const, "sequence" as const),
        (tokens, normalisation) => {
          const weights = computeTokenWeights(tokens, config({ normalisation }));
          expect(weights.reduce((sum, w, i) => sum + w * tokens[i]!, 0)).toBeCloseTo(1, 9);
          if (normalisation === "token") expect(new Set(weights).size).toBe(1);
        },
      ),
    );
    // Three searches after the first retrieval: four turns of at most 500 tokens.
    expect(computeTokenWeights([10, 90], config({ normalisation: "constant" }))).toEqual([
      1 / 4000,
      1 / 4000,
    ]);
  });

  it("mini-batches hold every episode once, in order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.integer({ min: 1, max: 25 }),
        (items, size) => void expect(splitIntoMiniBatches(items, size).flat()).toEqual(items),
      ),
    );
    expect(splitIntoMiniBatches([], 0)).toEqual([]);
  });
});
