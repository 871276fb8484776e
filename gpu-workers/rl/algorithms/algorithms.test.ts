import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { computeMean } from "@/core/statistics/summary";
import { rlSchema } from "@/contracts/run-config/rl";
import type { AlgorithmName } from "@/contracts/run-config/algorithm-names";
import { createAlgorithm } from "./create-algorithm";
import { computeNetReward, type Trajectory } from "./algorithm";
import { computeDiscountedReturns, buildTokenRewards, whiten } from "./returns";
import { computeGae } from "./gae";
import { computeGroupAdvantages } from "./group-relative";
import { adaptKlCoefficient, KL_ESTIMATORS } from "./kl";
import reference from "./reference.json";
import { weightBestSamples } from "./rejection-sampling";
import { computeLeaveOneOutAdvantages } from "./rloo";

const near = (actual: readonly number[], expected: readonly number[], digits = 9): void => {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, digits));
};
const finite = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const rewards = fc.array(finite(-1, 2), { minLength: 2, maxLength: 16 });
const settings = (algorithm: AlgorithmName, more: object = {}) =>
  rlSchema.parse({ algorithm, ...more });

/** The reference's episodes in its groups. */
const trajectories = reference.scores.map((reward, i): Trajectory => ({
  reward,
  penalties: reference.penalties[i]!,
  values: reference.values[i]!,
}));
const size = trajectories.length / reference.groups;
const groups = Array.from({ length: reference.groups }, (_, g) =>
  trajectories.slice(g * size, (g + 1) * size),
);

describe("against torch on padded tensors (reference.py)", () => {
  it.each(reference.cases)(
    "PPO and REINFORCE++ with gamma $gamma, lambda $lambda",
    ({ gamma, lambda, ...expected }) => {
      const plain = createAlgorithm(settings("ppo", { gamma, lambda, whiten: false }))
        .assignCredit(groups)
        .flat();
      const whitened = createAlgorithm(settings("ppo", { gamma, lambda }))
        .assignCredit(groups)
        .flat();
      const reinforce = createAlgorithm(settings("reinforce++", { gamma }))
        .assignCredit(groups)
        .flat();
      trajectories.forEach((_, i) => {
        near(plain[i]!.advantages, expected.advantages[i]!);
        near(plain[i]!.returns!, expected.returns[i]!);
        near(whitened[i]!.advantages, expected.whitened[i]!);
        // The critic learns returns that nothing was done to.
        near(whitened[i]!.returns!, expected.returns[i]!);
        near(reinforce[i]!.advantages, expected.reinforce[i]!);
      });
    },
  );

  it.each(reference.released.cases)(
    "PPO as released, with retrieved tokens as states, gamma $gamma, lambda $lambda",
    ({ gamma, lambda, ...expected }) => {
      const { penalties, values, areActions } = reference.released;
      const episodes = reference.scores.map((reward, i): Trajectory => ({
        reward,
        penalties: penalties[i]!,
        values: values[i]!.slice(0, areActions[i]!.length),
        areActions: areActions[i]!,
        ...(values[i]!.length > areActions[i]!.length && { endValue: values[i]!.at(-1)! }),
      }));
      expect(episodes.filter(({ endValue }) => endValue !== undefined)).toHaveLength(8);
      const inGroups = Array.from({ length: reference.groups }, (_, g) =>
        episodes.slice(g * size, (g + 1) * size),
      );
      const credit = (whitens: boolean) =>
        createAlgorithm(settings("ppo", { gamma, lambda, whiten: whitens }))
          .assignCredit(inGroups)
          .flat();
      const [plain, whitened] = [credit(false), credit(true)];
      episodes.forEach((_, i) => {
        // The return of the state after the last token is 0.
        const end = episodes[i]!.endValue === undefined ? [] : [0];
        near(plain[i]!.advantages, expected.advantages[i]!);
        near([...plain[i]!.returns!, ...end], expected.returns[i]!);
        near(whitened[i]!.advantages, expected.whitened[i]!);
        near([...whitened[i]!.returns!, ...end], expected.returns[i]!);
      });
      // Of the action tokens alone the mean is another.
      const mean = computeMean(whitened.flatMap(({ advantages }) => advantages))!;
      expect(Math.abs(mean)).toBeGreaterThan(1e-3);
    },
  );

  it.each([
    ["grpo", reference.grpo],
    ["dapo", reference.grpo],
    ["gspo", reference.grpo],
    ["cispo", reference.grpo],
    ["dr-grpo", reference.drGrpo],
    ["rloo", reference.rloo],
  ] as const)("%s", (name, expected) => {
    const credits = createAlgorithm(settings(name)).assignCredit(groups).flat();
    credits.forEach(({ advantages }, i) =>
      near(
        advantages,
        advantages.map(() => expected[i]!),
      ),
    );
  });

  it.each(["k1", "k2", "k3"] as const)("the KL estimator %s", (name) => {
    const { logprob, reference: other } = reference.kl;
    near(
      logprob.map((l, i) => KL_ESTIMATORS[name](l, other[i]!)),
      reference.kl[name],
    );
  });
});

describe("worked by hand", () => {
  it("GAE: two tokens, reward 1 at the end, values 0.5 and 0.6, gamma 0.9, lambda 0.5", () => {
    // delta_1 = 1 - 0.6 = 0.4; delta_0 = 0.9 * 0.6 - 0.5 = 0.04; A_0 = 0.04 + 0.45 * 0.4 = 0.22
    const { advantages, returns } = computeGae([0, 1], [0.5, 0.6], 0.9, 0.5);
    near(advantages, [0.22, 0.4]);
    near(returns, [0.72, 1]);
  });

  it("token rewards: penalties everywhere, the outcome at the last token", () => {
    expect(buildTokenRewards(2, [0.5, 0.25, 1])).toEqual([-0.5, -0.25, 1]);
    expect(computeDiscountedReturns([1, 2, 4], 0.5)).toEqual([3, 4, 4]);
    expect(buildTokenRewards(1, [])).toEqual([]);
  });

  it("groups", () => {
    near(computeGroupAdvantages([1, 0], true), [Math.SQRT1_2, -Math.SQRT1_2], 5);
    expect(computeGroupAdvantages([1, 0, 0, 0], false)).toEqual([0.75, -0.25, -0.25, -0.25]);
    near(computeLeaveOneOutAdvantages([1, 0, 0.5]), [0.75, -0.75, 0]);
    expect(weightBestSamples([0, 1, 1, 0.5])).toEqual([0, 1, 1, 0]);
    expect(weightBestSamples([0, -1])).toEqual([0, 0]);
  });

  it("the KL's weight grows by at most a fifth a horizon, and not at all without a target", () => {
    const to = (klTarget: number | null) => ({ klTarget, klHorizon: 100 });
    expect(adaptKlCoefficient(0.1, 9, 50, to(null))).toBe(0.1);
    expect(adaptKlCoefficient(0.1, 9, 50, to(1))).toBeCloseTo(0.1 * 1.1, 12);
    expect(adaptKlCoefficient(0.1, 0, 50, to(1))).toBeCloseTo(0.1 * 0.9, 12);
    expect(adaptKlCoefficient(0.1, 1.1, 50, to(1))).toBeCloseTo(0.1 * 1.05, 12);
  });
});

describe("properties", () => {
  it("group advantages sum to 0 and keep the order of the rewards", () => {
    fc.assert(
      fc.property(
        rewards,
        fc.constantFrom(
          (r: number[]) => computeGroupAdvantages(r, true),
          (r: number[]) => computeGroupAdvantages(r, false),
          computeLeaveOneOutAdvantages,
        ),
        (group, computeAdvantages) => {
          const advantages = computeAdvantages(group);
          expect(Math.abs(advantages.reduce((a, b) => a + b, 0))).toBeLessThan(1e-6);
          group.forEach((r, i) =>
            group.forEach((s, j) =>
              r > s
                ? expect(advantages[i]!).toBeGreaterThanOrEqual(advantages[j]! - 1e-12)
                : undefined,
            ),
          );
        },
      ),
    );
  });

  it("a group teaches group algorithms only where its rewards differ, PPO and REINFORCE++ always", () => {
    for (const name of ["grpo", "dr-grpo", "rloo", "dapo", "gspo", "cispo"] as const) {
      expect(createAlgorithm(settings(name)).isInformative([1, 1])).toBe(false);
      expect(createAlgorithm(settings(name)).isInformative([1, 0])).toBe(true);
    }
    for (const name of ["ppo", "reinforce++"] as const)
      expect(createAlgorithm(settings(name)).isInformative([0, 0])).toBe(true);
    expect(createAlgorithm(settings("rejection-sampling")).isInformative([0, 0])).toBe(false);
    expect(createAlgorithm(settings("rejection-sampling")).isInformative([1, 1])).toBe(true);
  });

  it("GAE with lambda 1 is the return minus the value, with lambda 0 the one-step error", () => {
    const lists = fc
      .integer({ min: 1, max: 12 })
      .chain((n) =>
        fc.tuple(
          fc.array(finite(-2, 2), { minLength: n, maxLength: n }),
          fc.array(finite(-2, 2), { minLength: n, maxLength: n }),
          finite(0, 1),
        ),
      );
    fc.assert(
      fc.property(lists, ([r, v, gamma]) => {
        near(computeGae(r, v, gamma, 1).returns, computeDiscountedReturns(r, gamma), 9);
        near(
          computeGae(r, v, gamma, 0).advantages,
          r.map((x, t) => x + gamma * (v[t + 1] ?? 0) - v[t]!),
          9,
        );
      }),
    );
  });

  it("whitened lists have mean 0 and variance 1, and one value whitens to 0", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(finite(-5, 5), { maxLength: 6 }), { minLength: 2, maxLength: 6 }),
        (lists) => {
          const all = whiten(lists).flat();
          const spread = lists.flat();
          fc.pre(spread.length > 1 && Math.max(...spread) - Math.min(...spread) > 0.01);
          expect(all.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 6);
          expect(all.reduce((a, b) => a + b * b, 0) / (all.length - 1)).toBeCloseTo(1, 2);
        },
      ),
    );
    expect(whiten([[3]])).toEqual([[0]]);
  });

  it("a KL in the reward lowers what an episode nets, for group algorithms as a whole", () => {
    expect(computeNetReward({ reward: 1, penalties: [0.25, 0.25], values: [] })).toBe(0.5);
    const credits = createAlgorithm(settings("rloo")).assignCredit([
      [
        { reward: 1, penalties: [0.5], values: [] },
        { reward: 1, penalties: [0, 0], values: [] },
      ],
    ]);
    expect(credits).toEqual([[{ advantages: [-0.5] }, { advantages: [0.5, 0.5] }]]);
  });

  it("k3 is never negative", () => {
    fc.assert(
      fc.property(
        finite(-8, 0),
        finite(-8, 0),
        (a, b) => void expect(KL_ESTIMATORS.k3(a, b)).toBeGreaterThanOrEqual(-1e-12),
      ),
    );
  });
});

describe("clip-higher", () => {
  it("is the setting's, else DAPO's 0.28 or the clip itself", () => {
    expect(createAlgorithm(settings("dapo")).clipRange).toEqual({ low: 0.2, high: 0.28 });
    expect(createAlgorithm(settings("dapo", { clipHigh: 0.4 })).clipRange.high).toBe(0.4);
    expect(createAlgorithm(settings("grpo", { clip: 0.1 })).clipRange).toEqual({
      low: 0.1,
      high: 0.1,
    });
  });

  it("is of whole episodes with GSPO, and with CISPO has no end below 1", () => {
    const getClipRange = (name: "gspo" | "cispo", rl = {}) =>
      createAlgorithm(settings(name, { clip: 0.1, ...rl })).clipRange;
    expect(getClipRange("gspo")).toEqual({ low: 3e-4, high: 4e-4 });
    expect(getClipRange("gspo", { sequenceClip: 0.01, clipHigh: 0.02 })).toEqual({
      low: 0.01,
      high: 0.02,
    });
    expect(getClipRange("cispo")).toEqual({ low: 1, high: 4 });
    expect(getClipRange("cispo", { clipHigh: 0.28 }).high).toBe(0.28);
  });
});

describe("settings that cannot work are refused with how to mend them", () => {
  it.each([
    [{ groupSize: 1 }, "groupSize", /at least 2/],
    [{ algorithm: "dapo", resample: 0 }, "resample", /at least 1/],
    [{ algorithm: "dapo", normalisation: "sequence" }, "normalisation", /token/],
    [{ algorithm: "rejection-sampling", klCoefficient: 0.1 }, "klCoefficient", /set 0/],
    [{ miniBatch: 33 }, "miniBatch", /only 32/],
    [{ overlap: true, epochs: 2 }, "overlap", /epochs to 1/],
    [{ overlap: true, oldLogprobs: "trainer" }, "oldLogprobs", /sampler, or give truncateRatio/],
    [{ klTarget: 0.1 }, "klCoefficient", /above 0/],
    [{ truncateRatio: 2 }, "oldLogprobs", /trainer/],
    [{ critic: { model: "other" } }, "critic.model", /critic\.kind/],
    [
      { algorithm: "ppo", steps: 4, critic: { warmupSteps: 4 } },
      "critic.warmupSteps",
      /fewer than/,
    ],
  ])("%j", (change, path, message) => {
    const issues = rlSchema.safeParse(change).error!.issues;
    expect(issues.map((i) => i.path.join("."))).toEqual([path]);
    expect(issues[0]!.message).toMatch(message);
  });

  it("overlapped episodes may be measured against the trainer where weights are truncated", () =>
    expect(
      settings("grpo", { overlap: true, oldLogprobs: "trainer", truncateRatio: 2 }).truncateRatio,
    ).toBe(2));

  it("one sample a question is enough for PPO", () =>
    expect(settings("ppo", { groupSize: 1 }).groupSize).toBe(1));
});
