import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Ranked, fuseByReciprocalRank, fuseByWeightedScores } from "./fusion";
import { HybridRetriever } from "./hybrid";
import type { RankedDocument, Retriever } from "@/gpu-workers/retrieval/retriever";

const ranking = fc
  .uniqueArray(fc.constantFrom(..."abcdefghij"))
  .chain((names) =>
    fc
      .uniqueArray(fc.integer({ min: -50, max: 500 }), {
        minLength: names.length,
        maxLength: names.length,
      })
      .map((scores) => names.map((id, i) => ({ id, score: (scores[i] ?? 0) / 10 }))),
  )
  .map((hits) => hits.sort((a, b) => b.score - a.score));
const ids = (hits: Ranked): string[] => hits.map(({ id }) => id);

describe("fusion", () => {
  it("by reciprocal ranks, worked out by hand", () => {
    const fused = fuseByReciprocalRank(
      [
        [
          { id: "a", score: 9 },
          { id: "b", score: 8 },
        ],
        [
          { id: "b", score: 3 },
          { id: "c", score: 2 },
        ],
      ],
      60,
    );
    expect(fused).toEqual([
      { id: "b", score: 1 / 62 + 1 / 61 },
      { id: "a", score: 1 / 61 },
      { id: "c", score: 1 / 62 },
    ]);
  });

  it("by weighted scores, worked out by hand", () => {
    const fused = fuseByWeightedScores(
      [
        [
          { id: "a", score: 0.9 },
          { id: "b", score: 0.8 },
          { id: "c", score: 0.5 },
        ],
        [{ id: "c", score: 12 }],
      ],
      [0.6, 0.4],
    );
    expect(fused.map(({ id, score }) => [id, Number(score.toFixed(6))])).toEqual([
      ["a", 0.6],
      ["b", 0.45],
      ["c", 0.4],
    ]);
  });

  it("holds every document once, best first, of either kind", () => {
    fc.assert(
      fc.property(
        fc.array(ranking, { maxLength: 3 }),
        fc.integer({ min: 0, max: 100 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
        (rankings, k, weights) => {
          for (const fused of [
            fuseByReciprocalRank(rankings, k),
            fuseByWeightedScores(rankings, weights),
          ]) {
            expect(ids(fused).sort()).toEqual([...new Set(rankings.flatMap(ids))].sort());
            fused.forEach(({ score }, i) =>
              expect(score).toBeLessThanOrEqual(fused[i - 1]?.score ?? Infinity),
            );
          }
        },
      ),
    );
  });

  it("of one ranking, or of one with itself, keeps its order", () => {
    fc.assert(
      fc.property(ranking, fc.integer({ min: 0, max: 100 }), (own, k) => {
        expect(ids(fuseByReciprocalRank([own], k))).toEqual(ids(own));
        expect(ids(fuseByReciprocalRank([own, own], k))).toEqual(ids(own));
        expect(ids(fuseByWeightedScores([own, own], [0.5, 0.5]))).toEqual(ids(own));
      }),
    );
  });

  it("puts a document that is ahead in both ahead", () => {
    fc.assert(
      fc.property(
        ranking,
        ranking,
        fc.integer({ min: 0, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (a, b, k, weight) => {
          for (const fused of [
            fuseByReciprocalRank([a, b], k),
            fuseByWeightedScores([a, b], [weight, 1 - weight]),
          ]) {
            const place = ids(fused);
            for (const x of ids(a)) {
              for (const y of ids(a)) {
                const ahead =
                  ids(a).indexOf(x) < ids(a).indexOf(y) &&
                  ids(b).includes(x) &&
                  (!ids(b).includes(y) || ids(b).indexOf(x) < ids(b).indexOf(y));
                if (ahead) expect(place.indexOf(x)).toBeLessThan(place.indexOf(y));
              }
            }
          }
        },
      ),
    );
  });

  it("by weight 1 and 0 ranks as the one side does", () => {
    fc.assert(
      fc.property(ranking, ranking, (a, b) => {
        expect(
          ids(fuseByWeightedScores([a, b], [1, 0])).filter((id) =>
            ids(a).slice(0, -1).includes(id),
          ),
        ).toEqual(ids(a).slice(0, -1));
      }),
    );
  });
});

describe("the hybrid retriever", () => {
  const side = (key: string, hits: Ranked, search?: Retriever["search"]): Retriever => ({
    search:
      search ??
      ((queries, k) =>
        Promise.resolve(
          queries.map(() =>
            hits.slice(0, k).map(({ id, score }): RankedDocument => ({
              id,
              title: id,
              text: key,
              hash: id,
              score,
            })),
          ),
        )),
    getDocuments: () => Promise.resolve([]),
    describe: () => ({ kind: "dense", key, title: key, documents: 10 }),
    close: () => Promise.resolve(),
  });
  const settings = { fusion: "rrf", depth: 2, rrfK: 60, denseWeight: 0.5 } as const;
  const hits = ["a", "b", "c"].map((id, i) => ({ id, score: 3 - i }));

  it("fuses what both sides find to the depth that is set, or to k where that is more", async () => {
    const hybrid = new HybridRetriever(
      side("dense", hits),
      side(
        "bm25",
        [...hits].reverse().map(({ id }, i) => ({ id, score: 3 - i })),
      ),
      settings,
    );
    expect((await hybrid.search(["q"], 2))[0]?.map(({ id }) => id)).toEqual(["b", "a"]);
    expect((await hybrid.search(["q"], 3))[0]?.map(({ id }) => id)).toEqual(["a", "c", "b"]);
  });

  it("fails where a side fails", async () => {
    const hybrid = new HybridRetriever(
      side("dense", hits),
      side("bm25", [], () => Promise.reject(new Error("gone"))),
      settings,
    );
    await expect(hybrid.search(["q"], 2)).rejects.toThrow("gone");
  });

  it("has another key for another setting that counts, and the same for one that does not", () => {
    const key = (changed: Partial<ConstructorParameters<typeof HybridRetriever>[2]>): string =>
      new HybridRetriever(side("dense", hits), side("bm25", hits), {
        ...settings,
        ...changed,
      }).describe().key;
    expect(key({ rrfK: 1 })).not.toBe(key({}));
    expect(key({ depth: 3 })).not.toBe(key({}));
    expect(key({ denseWeight: 0.1 })).toBe(key({}));
    expect(key({ fusion: "weighted", denseWeight: 0.1 })).not.toBe(key({ fusion: "weighted" }));
  });
});
