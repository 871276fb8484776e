import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rlSchema, type RlConfig } from "@/contracts/run-config/rl";
import { searchSchema } from "@/contracts/run-config/search";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";
import { takeRemainingSteps } from "@/core/run/healthy-checkpoint";
import {
  computeRateFactor,
  getCriticSchedule,
  getPolicySchedule,
  selectOptimizer,
  type Schedule,
} from "./learning-rate";
import reference from "./learning-rate-reference.json";

describe("learning rates, against transformers' schedulers (learning-rate-reference.py)", () => {
  it.each(reference)("$kind, $warmupSteps of $total steps of warm-up", (expected) => {
    const { warmupSteps, total, rates } = expected;
    const schedule: Schedule = { kind: expected.kind as Schedule["kind"], warmupSteps, offset: 0 };
    const factors = (protocol: "paper" | "upstream") =>
      rates.map((_, i) => computeRateFactor(schedule, i + 1, total, protocol));
    factors("upstream").forEach((factor, i) => {
      // The released code's constant schedule has no rate in the first step, whatever its warm-up.
      const isDefect = schedule.kind === "constant" && i === 0;
      expect(factor).toBeCloseTo(isDefect ? 0 : rates[i]!, 12);
    });
    // Ours warms up to the full rate one step earlier, so that no step is without; the decay is the same.
    factors("paper").forEach((factor, i) =>
      expect(factor).toBeCloseTo(i < warmupSteps ? (i + 1) / warmupSteps : rates[i]!, 12),
    );
  });

  it("as in the released script: 0 in the first step, the critic's full from step 16 on", () => {
    const rate = (warmupSteps: number, step: number) =>
      computeRateFactor({ kind: "constant", warmupSteps, offset: 0 }, step, 1500, "upstream");
    expect([1, 2, 3].map((step) => rate(0, step))).toEqual([0, 1, 1]);
    expect([1, 2, 15, 16, 17].map((step) => rate(15, step))).toEqual([0, 1 / 15, 14 / 15, 1, 1]);
  });

  it("never rises again, nor falls below 0, in steps beyond the schedule", () => {
    for (const kind of ["linear", "cosine"] as const)
      expect(computeRateFactor({ kind, warmupSteps: 2, offset: 0 }, 25, 10, "paper")).toBe(0);
  });

  it("no step of a run is without learning under `paper`", () => {
    for (const kind of ["constant", "linear", "cosine"] as const)
      for (const warmupSteps of [0, 1, 4])
        for (let step = 1; step <= 5; step++)
          expect(
            computeRateFactor({ kind, warmupSteps, offset: 0 }, step, 5, "paper"),
          ).toBeGreaterThan(0);
  });
});

describe("schedules of a configuration", () => {
  it.each([
    [{}, ["constant", 0], ["constant", 0]],
    [{ lrWarmupSteps: 4 }, ["constant", 4], ["constant", 4]],
    [{ schedule: "cosine", lrWarmupSteps: 4 }, ["cosine", 4], ["cosine", 4]],
    [{ schedule: "cosine", critic: { lrWarmupSteps: 15 } }, ["cosine", 0], ["cosine", 15]],
    [
      { schedule: "linear", lrWarmupSteps: 3, critic: { schedule: "constant", lrWarmupSteps: 0 } },
      ["linear", 3],
      ["constant", 0],
    ],
  ] as const)("%o", (settings, policy, critic) => {
    const rl = rlSchema.parse({ algorithm: "ppo", ...settings });
    const list = ({ kind, warmupSteps }: Schedule) => [kind, warmupSteps];
    expect([list(getPolicySchedule(rl)), list(getCriticSchedule(rl))]).toEqual([policy, critic]);
  });

  it("a branch for the steps that were left has the rates that its run would have had", () => {
    const kinds = fc.constantFrom("constant", "linear", "cosine");
    const settings = fc.record({
      schedule: kinds,
      lrWarmupSteps: fc.nat(12),
      critic: fc.record({
        schedule: fc.constantFrom("as-searcher", "constant", "linear", "cosine"),
        lrWarmupSteps: fc.option(fc.nat(12), { nil: undefined }),
      }),
    });
    const length = fc.integer({ min: 2, max: 30 });
    const listRates = (rl: RlConfig, protocol: "paper" | "upstream") =>
      Array.from({ length: rl.steps }, (_, i) =>
        [getPolicySchedule(rl), getCriticSchedule(rl)].map((schedule) =>
          computeRateFactor(schedule, i + 1, rl.steps, protocol),
        ),
      );
    fc.assert(
      fc.property(settings, length, fc.nat(28), (rl, steps, at) => {
        fc.pre(at < steps);
        const run = trainConfigSchema.parse({ kind: "train", name: "t", rl: { ...rl, steps } });
        const left = takeRemainingSteps(run, at) as TrainConfig;
        const branch = trainConfigSchema.parse({
          ...left,
          rl: { ...left.rl, scheduleOffset: at },
        });
        for (const protocol of ["paper", "upstream"] as const)
          expect(listRates(branch.rl, protocol)).toEqual(listRates(run.rl, protocol).slice(at));
      }),
    );
  });

  it("AdamW: what is not set is left to the engine", () => {
    const select = (settings: object, protocol: "paper" | "upstream" = "paper") =>
      selectOptimizer({ rl: rlSchema.parse(settings), search: searchSchema.parse({ protocol }) });
    expect(select({}, "upstream")).toEqual({});
    expect(select({ weightDecay: 0.01 }, "upstream")).toEqual({
      weightDecay: 0.01,
      decays: "all",
    });
    expect(select({ adamBeta1: 0.9, adamBeta2: 0.95, weightDecay: 0 })).toEqual({});
    expect(select({ adamBeta2: 0.999, weightDecay: 0.01 })).toEqual({
      betas: [0.9, 0.999],
      weightDecay: 0.01,
    });
  });
});
