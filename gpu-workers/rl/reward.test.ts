import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rewardSchema } from "@/contracts/run-config/reward";
import { computeReward } from "./reward";

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
      searches: 1,
    };
    const none = rewardSchema.parse({ weights: { gbr: 1 } }).weights;
    expect(computeReward(none, facts).value).toBe(gbr);
    expect(computeReward({ ...none, gbr: 0, upstream: 1 }, facts).value).toBe(upstream);
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
    });
    const facts = fc.record({
      accuracy: share,
      ragAccuracy: share,
      exactMatch: share,
      goldRecall: share,
      formatErrors: fc.nat(3),
      actionTokens: fc.nat(900),
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
          w.search * f.searches;
        expect(value).toBeCloseTo(direct, 9);
        expect(new Set(terms.map((t) => t.term))).toEqual(
          new Set(Object.entries(w).flatMap(([term, one]) => (one === 0 ? [] : [term]))),
        );
      }),
    );
  });
});
