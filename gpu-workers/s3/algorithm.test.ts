import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rl } from "@/contracts/run-config";
import { groupAdvantages, grpo } from "./algorithm";
import { rewardOf } from "./reward";

const rewards = fc.array(fc.double({ min: -1, max: 2, noNaN: true }), { minLength: 2, maxLength: 16 });

describe("advantages of a group", () => {
  it("are the reward over the mean, in sample deviations", () => {
    expect(groupAdvantages([1, 0], true).map((a) => +a.toFixed(4))).toEqual([0.7071, -0.7071]);
    expect(groupAdvantages([1, 0, 0, 0], false)).toEqual([0.75, -0.25, -0.25, -0.25]);
  });

  it("sum to 0 and keep the order of the rewards", () => {
    fc.assert(
      fc.property(rewards, fc.boolean(), (group, normalise) => {
        const advantages = groupAdvantages(group, normalise);
        expect(Math.abs(advantages.reduce((a, b) => a + b, 0))).toBeLessThan(1e-6);
        group.forEach((r, i) => group.forEach((s, j) => (r > s ? expect(advantages[i]!).toBeGreaterThanOrEqual(advantages[j]!) : undefined)));
      }),
    );
  });

  it("are 0 where all rewards are equal", () => {
    expect(groupAdvantages([1, 1, 1], true)).toEqual([0, 0, 0]);
    expect(grpo(rl.parse({})).informative([0, 0, 0, 0])).toBe(false);
    expect(grpo(rl.parse({})).informative([0, 1])).toBe(true);
  });
});

describe("reward", () => {
  it.each([
    [1, 1, 0, 1],
    [1, 0, 1, 2],
    [0, 1, -1, -1],
    [0, 0, 0, 0],
  ])("accuracy %i, naive RAG's %i: gbr %i, upstream %i", (accuracy, rag, gbr, upstream) => {
    expect(rewardOf("gbr", accuracy, rag).value).toBe(gbr);
    expect(rewardOf("upstream", accuracy, rag).value).toBe(upstream);
  });

  it("is what its terms sum to", () => {
    fc.assert(
      fc.property(fc.constantFrom("gbr" as const, "upstream" as const), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (name, a, b) => {
        const { terms, value } = rewardOf(name, a, b);
        expect(value).toBeCloseTo(terms.reduce((sum, t) => sum + t.weight * t.value, 0), 12);
      }),
    );
  });
});
