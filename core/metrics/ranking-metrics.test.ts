import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  listCurveDepths,
  cutRanking,
  computeFullSupport,
  computeMeanMetric,
  listMetricsWithin,
  computeNdcg,
  computePrecision,
  RANKING_METRICS,
  rankGold,
  computeRecall,
  computeRecallCurve,
  computeReciprocalRank,
} from "./ranking-metrics";

const of = (ranking: string, gold: string, depth = 10) => rankGold([...ranking], [...gold], depth);

describe("a ranking by hand", () => {
  // x b x a: gold a and b at ranks 4 and 2.
  const result = of("xbya", "ab");

  it("is reduced to the ranks of its gold documents", () => {
    expect(result).toEqual({ gold: 2, ranks: [2, 4], depth: 10 });
  });

  it("has recall, full support and precision", () => {
    expect([1, 2, 3, 4].map((k) => computeRecall(result, k))).toEqual([0, 0.5, 0.5, 1]);
    expect([1, 2, 3, 4].map((k) => computeFullSupport(result, k))).toEqual([0, 0, 0, 1]);
    expect([1, 2, 4, 10].map((k) => computePrecision(result, k))).toEqual([0, 0.5, 0.5, 0.2]);
  });

  it("has a reciprocal rank, 0 where the first gold document lies below k", () => {
    expect(computeReciprocalRank(result, 10)).toBe(0.5);
    expect(computeReciprocalRank(result, 1)).toBe(0);
    expect(computeReciprocalRank(of("xyz", "a"), 10)).toBe(0);
  });

  it("has nDCG", () => {
    const ideal = 1 + 1 / Math.log2(3);
    expect(computeNdcg(result, 10)).toBeCloseTo((1 / Math.log2(3) + 1 / Math.log2(5)) / ideal, 12);
    expect(computeNdcg(result, 3)).toBeCloseTo(1 / Math.log2(3) / ideal, 12);
    // Three gold documents, one place: the best ranking of one place has one of them.
    expect(computeNdcg(of("a", "abc"), 1)).toBe(1);
  });
});

describe("the cases that are settled once", () => {
  it("does not score a question without gold documents", () => {
    const none = of("abc", "");
    expect(RANKING_METRICS.map((metric) => metric.compute({ ...none, depth: 100 }))).toEqual(
      RANKING_METRICS.map(() => null),
    );
    const recall1 = RANKING_METRICS[0]!;
    expect(computeMeanMetric([none, of("a", "a")], recall1)).toBe(1);
    expect(computeMeanMetric([none], recall1)).toBeNull();
    expect(computeRecallCurve([none], 10)).toEqual([]);
  });

  it("counts a repeated document where it comes first, and what follows moves up", () => {
    expect(of("aab", "ab").ranks).toEqual([1, 2]);
    expect(of("xxa", "aa")).toEqual({ gold: 1, ranks: [2], depth: 10 });
  });

  it("leaves ties in the order that the retriever gave", () => {
    expect([of("ab", "b").ranks, of("ba", "b").ranks]).toEqual([[2], [1]]);
  });

  it("says nothing below the depth that was asked for", () => {
    const result = of("xxxa".replaceAll("x", "b"), "a", 2);
    expect(computeRecall(result, 2)).toBe(1);
    expect(computeRecall(result, 3)).toBeNull();
    expect(listMetricsWithin(5).map(({ key }) => key)).toEqual([
      "recall@1",
      "recall@3",
      "full-support@3",
      "mrr",
    ]);
  });

  it("counts a gold document that is nowhere as not found", () => {
    expect(computeRecall(of("a", "ab"), 10)).toBe(0.5);
    expect(computeFullSupport(of("a", "ab"), 10)).toBe(0);
  });
});

const fixture = z
  .object({
    depth: z.int(),
    cases: z.array(
      z.object({
        gold: z.array(z.string()),
        ranking: z.array(z.string()),
        values: z.record(z.string(), z.number()),
      }),
    ),
  })
  .parse(
    JSON.parse(readFileSync(new URL("./testing/fixtures/trec_eval.json", import.meta.url), "utf8")),
  );

it("agrees with trec_eval (testing/fixtures/make_trec_eval.py)", () => {
  expect(fixture.cases.length).toBeGreaterThan(50);
  for (const { gold, ranking, values } of fixture.cases) {
    const result = rankGold(ranking, gold, fixture.depth);
    const mine = {
      P_10: computePrecision(result, 10),
      ndcg_cut_10: computeNdcg(result, 10),
      recall_1: computeRecall(result, 1),
      recall_3: computeRecall(result, 3),
      recall_10: computeRecall(result, 10),
      recall_100: computeRecall(result, 100),
      recip_rank: computeReciprocalRank(result, fixture.depth),
    };
    expect(Object.keys(values).sort()).toEqual(Object.keys(mine).sort());
    for (const [name, value] of Object.entries(mine))
      expect(value, name).toBeCloseTo(values[name]!, 8);
  }
});

const result = fc
  .record({
    ranking: fc.uniqueArray(fc.integer({ min: 0, max: 40 }).map(String), { maxLength: 30 }),
    gold: fc.uniqueArray(fc.integer({ min: 0, max: 60 }).map(String), {
      minLength: 1,
      maxLength: 5,
    }),
  })
  .map(({ ranking, gold }) => ({ ranking, gold, ranked: rankGold(ranking, gold, 30) }));

describe("for any ranking", () => {
  it("metrics lie in 0..1, recall and full support never fall with k, full support never exceeds recall", () => {
    fc.assert(
      fc.property(result, ({ ranked }) => {
        for (const metric of listMetricsWithin(30)) {
          const value = metric.compute(ranked)!;
          expect(value >= 0 && value <= 1 + 1e-12).toBe(true);
        }
        for (let k = 1; k <= 30; k++) {
          expect(computeFullSupport(ranked, k)!).toBeLessThanOrEqual(
            computeRecall(ranked, k)! + 1e-12,
          );
          if (k > 1)
            expect(computeRecall(ranked, k)!).toBeGreaterThanOrEqual(computeRecall(ranked, k - 1)!);
        }
      }),
    );
  });

  it("moving a gold document up never lowers anything", () => {
    fc.assert(
      fc.property(result, fc.nat(), ({ ranking, gold, ranked }, pick) => {
        const places = ranking.flatMap((id, i) =>
          gold.includes(id) && i > 0 && !gold.includes(ranking[i - 1]!) ? [i] : [],
        );
        if (places.length === 0) return;
        const place = places[pick % places.length]!;
        const better = ranking.with(place, ranking[place - 1]!).with(place - 1, ranking[place]!);
        for (const metric of listMetricsWithin(30))
          expect(metric.compute(rankGold(better, gold, 30))!).toBeGreaterThanOrEqual(
            metric.compute(ranked)! - 1e-12,
          );
      }),
    );
  });

  it("the curve is the mean of recall and full support at each k, and cutting the depth leaves what lies above", () => {
    fc.assert(
      fc.property(fc.array(result, { minLength: 1, maxLength: 8 }), (results) => {
        const ranked = results.map((r) => r.ranked);
        for (const { k, recall, fullSupport } of computeRecallCurve(ranked, 30)) {
          expect(recall).toBeCloseTo(
            ranked.reduce((sum, r) => sum + computeRecall(r, k)!, 0) / ranked.length,
            9,
          );
          expect(fullSupport).toBeCloseTo(
            ranked.reduce((sum, r) => sum + computeFullSupport(r, k)!, 0) / ranked.length,
            9,
          );
        }
        for (const r of ranked)
          expect(computeRecall(cutRanking(r, 10), 7)).toBe(computeRecall(r, 7));
      }),
      { numRuns: 40 },
    );
  });
});

it("a curve has its ends and at most about two hundred points", () => {
  expect(listCurveDepths(1)).toEqual([1]);
  expect(listCurveDepths(5)).toEqual([1, 2, 3, 4, 5]);
  const deep = listCurveDepths(1000);
  expect([deep[0], deep[1], deep.at(-1)]).toEqual([1, 5, 1000]);
  expect(deep.length).toBeLessThanOrEqual(201);
});
