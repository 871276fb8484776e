import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rewardSchema } from "@/contracts/run-config/reward";
import { searchSchema } from "@/contracts/run-config/search";
import { collectRewardFacts, computeReward, punishOverlong } from "./reward";

describe("reward", () => {
  it.each([
    [1, 1, 0, 1],
    [1, 0, 1, 2],
    [0, 1, -1, -1],
    [0, 0, 0, 0],
  ])("accuracy %i, naive RAG's %i: gbr %i, upstream %i", (accuracy, rag, gbr, upstream) => {
    const facts = {
      accuracy,
      ragAccuracy: rag,
      exactMatch: 0,
      goldRecall: 0.5,
      formatErrors: 0,
      actionTokens: 40,
      mostTokens: 200,
      searches: 1,
    };
    const none = rewardSchema.parse({ weights: { gbr: 1 } }).weights;
    expect(computeReward(none, facts).value).toBe(gbr);
    expect(computeReward({ ...none, gbr: 0, upstream: 1 }, facts).value).toBe(upstream);
  });

  it("punishes overlong episodes as DAPO's equation 13 does, with its own lengths", () => {
    const [most, cache] = [20480, 4096];
    const reference = (length: number): number => {
      if (length <= most - cache) return 0;
      return length <= most ? (most - cache - length) / cache : -1;
    };
    for (const length of [0, 16383, 16384, 16385, 18432, 20479, 20480, 20481, 30000])
      expect(punishOverlong(length, most), String(length)).toBe(reference(length));
    expect(punishOverlong(18432, most)).toBe(-0.5);
    const weights = rewardSchema.parse({ weights: { gbr: 0, accuracy: 1, overlong: 0.5 } }).weights;
    const facts = {
      accuracy: 1,
      ragAccuracy: null,
      exactMatch: 1,
      goldRecall: null,
      formatErrors: 0,
    };
    const reward = computeReward(weights, {
      ...facts,
      actionTokens: 90,
      mostTokens: 100,
      searches: 0,
    });
    expect([reward.name, reward.value]).toEqual(["accuracy + 0.5 overlong", 0.75]);
  });

  it("counts every turn of an episode among the tokens that it may write, also without a search", () => {
    const collect = (turns: number) =>
      collectRewardFacts(
        { steps: [], context: [] },
        { answers: ["a"], goldIds: [] },
        {
          answer: "a",
          accuracy: 1,
          ragAccuracy: null,
          search: searchSchema.parse({
            turns,
            turnTokens: 100,
            decoding: "free",
            protocol: "paper",
          }),
        },
      );
    expect(collect(3).mostTokens).toBe(400);
    const weights = rewardSchema.parse({ weights: { gbr: 0, overlong: 1 } }).weights;
    expect(computeReward(weights, collect(0)).value).toBe(0);
  });

  it("without the term is written as before there was one", () => {
    expect(rewardSchema.parse({ weights: { overlong: 0 } })).toEqual(rewardSchema.parse({}));
    expect(Object.keys(rewardSchema.parse({}).weights)).not.toContain("overlong");
  });

  it("is what its terms sum to, each under its name", () => {
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    const weight = fc.double({ min: -2, max: 2, noNaN: true });
    const weights = fc.record({
      gbr: weight,
      upstream: weight,
      accuracy: weight,
      exactMatch: weight,
      goldRecall: weight,
      format: weight,
      length: weight,
      search: weight,
      overlong: weight,
    });
    const facts = fc.record({
      accuracy: share,
      ragAccuracy: share,
      exactMatch: share,
      goldRecall: share,
      formatErrors: fc.nat(3),
      actionTokens: fc.nat(900),
      mostTokens: fc.integer({ min: 1, max: 900 }),
      searches: fc.nat(3),
    });
    fc.assert(
      fc.property(weights, facts, (w, f) => {
        const { terms, value } = computeReward(w, f);
        expect(value).toBeCloseTo(
          terms.reduce((sum, t) => sum + t.weight * t.value, 0),
          12,
        );
        const direct =
          w.gbr * (f.accuracy - f.ragAccuracy) +
          w.upstream * (2 * f.accuracy - f.ragAccuracy) +
          w.accuracy * f.accuracy +
          w.exactMatch * f.exactMatch +
          w.goldRecall * f.goldRecall +
          (f.formatErrors === 0 ? w.format : 0) -
          (w.length * f.actionTokens) / 1000 -
          w.search * f.searches +
          w.overlong * punishOverlong(f.actionTokens, f.mostTokens);
        expect(value).toBeCloseTo(direct, 9);
        expect(new Set(terms.map((t) => t.term))).toEqual(
          new Set(Object.entries(w).flatMap(([term, one]) => (one === 0 ? [] : [term]))),
        );
      }),
    );
  });
});
