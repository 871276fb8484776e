import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findHealthyCheckpoint, takeRemainingSteps, type AlarmSpan } from "./healthy-checkpoint";

const stands = (since: number): AlarmSpan => ({ since, cleared: null });
const cleared = (since: number, step: number): AlarmSpan => ({ since, cleared: { step } });
const at = (...steps: number[]) => steps.map((step) => ({ step }));

describe("the last healthy checkpoint", () => {
  it("is the last before the first alarm that stands, in whichever order they come", () => {
    expect(findHealthyCheckpoint(at(20, 5, 10, 15), [stands(18), stands(12)])).toEqual({
      step: 10,
    });
    expect(findHealthyCheckpoint(at(5, 10), [stands(11)])).toEqual({ step: 10 });
    expect(findHealthyCheckpoint(at(5, 10), [stands(10)])).toEqual({ step: 5 });
  });

  it("is not within an alarm that was cleared, but may be after it", () => {
    expect(findHealthyCheckpoint(at(5, 10, 15), [cleared(8, 12), stands(14)])).toEqual({ step: 5 });
    expect(findHealthyCheckpoint(at(5, 10, 15), [cleared(8, 10), stands(14)])).toEqual({
      step: 10,
    });
  });

  it("is absent where none is kept, or nothing is wrong", () => {
    expect(findHealthyCheckpoint(at(5), [stands(3)])).toBeNull();
    expect(findHealthyCheckpoint(at(5), [])).toBeNull();
    expect(findHealthyCheckpoint(at(5), [cleared(1, 3)])).toBeNull();
  });

  it("has no alarm at its step, and every later checkpoint has one", () => {
    const span = fc
      .tuple(fc.nat(30), fc.option(fc.integer({ min: 1, max: 20 })))
      .map(([since, length]) => (length === null ? stands(since) : cleared(since, since + length)));
    fc.assert(
      fc.property(fc.array(fc.nat(30)), fc.array(span), (steps, alarms) => {
        fc.pre(alarms.some((alarm) => alarm.cleared === null));
        const isSpoilt = (step: number): boolean =>
          alarms.some(({ since, cleared: end }) => since <= step && step < (end?.step ?? Infinity));
        const found = findHealthyCheckpoint(at(...steps), alarms);
        const healthy = steps.filter((step) => !isSpoilt(step));
        expect(found?.step ?? -1).toBe(Math.max(-1, ...healthy));
      }),
    );
  });
});

it("a branch makes the steps that were left, of the critic's warm-up, too", () => {
  const config = trainConfigSchema.parse({
    kind: "train",
    name: "t",
    rl: { algorithm: "ppo", steps: 40, lrWarmupSteps: 15, critic: { warmupSteps: 12 } },
  });
  expect(takeRemainingSteps(config, 10)).toMatchObject({
    rl: { steps: 30, lrWarmupSteps: 15, critic: { warmupSteps: 2 } },
  });
  expect(takeRemainingSteps(config, 50)).toMatchObject({
    rl: { steps: 1, lrWarmupSteps: 15, critic: { warmupSteps: 0 } },
  });
});
