import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reward, rl } from "@/contracts/config/training";
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
    const facts = { accuracy, ragAccuracy: rag, exactMatch: 0, goldRecall: 0.5, formatErrors: 0, actionTokens: 40, searches: 1 };
    const none = reward.parse({ weights: { gbr: 1 } }).weights;
    expect(rewardOf(none, facts).value).toBe(gbr);
    expect(rewardOf({ ...none, gbr: 0, upstream: 1 }, facts).value).toBe(upstream);
  });

  it("is what its terms sum to, each under its name", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const weight = fc.double({ min: -2, max: 2, noNaN: true });
    const weights = fc.record({ gbr: weight, upstream: weight, accuracy: weight, exactMatch: weight, goldRecall: weight, format: weight, length: weight, search: weight });
    const facts = fc.record({ accuracy: share, ragAccuracy: share, exactMatch: share, goldRecall: share, formatErrors: fc.nat(3), actionTokens: fc.nat(900), searches: fc.nat(3) });
    fc.assert(
      fc.property(weights, facts, (w, f) => {
        const { terms, value } = rewardOf(w, f);
        expect(value).toBeCloseTo(terms.reduce((sum, t) => sum + t.weight * t.value, 0), 12);
        const direct = w.gbr * (f.accuracy - f.ragAccuracy) + w.upstream * (2 * f.accuracy - f.ragAccuracy) + w.accuracy * f.accuracy + w.exactMatch * f.exactMatch + w.goldRecall * f.goldRecall + (f.formatErrors === 0 ? w.format : 0) - (w.length * f.actionTokens) / 1000 - w.search * f.searches;
        expect(value).toBeCloseTo(direct, 9);
        expect(new Set(terms.map((t) => t.term))).toEqual(new Set(Object.entries(w).flatMap(([term, one]) => (one === 0 ? [] : [term]))));
      }),
    );
  });
});
