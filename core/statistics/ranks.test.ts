import { describe, expect, it } from "vitest";
import { createRandom } from "./bootstrap";
import { rankMethods } from "./ranks";

/** Methods that are right with the given shares, on questions of which each is hard or easy for all of them. */
function simulate(shares: readonly number[], clusters: number, size: number, seed: number) {
  const random = createRandom(seed);
  const counts = new Float64Array(clusters).fill(size);
  const sums = shares.map(() => new Float64Array(clusters));
  for (let g = 0; g < clusters; g++) {
    const ease = (random() - 0.5) * 0.4;
    for (let q = 0; q < size; q++)
      shares.forEach((share, i) => (sums[i]![g]! += random() < share + ease ? 1 : 0));
  }
  return { counts, sums };
}

const show = (ranks: ReturnType<typeof rankMethods>): string[] =>
  ranks.map(({ low, high, group }) => `${low}-${high} ${group}`);

describe("rank intervals", () => {
  it("are exact where methods lie far apart, and share a letter where they do not", () => {
    const { counts, sums } = simulate([0.5, 0.8, 0.2], 400, 1, 1);
    expect(show(rankMethods({ counts, sums }))).toEqual(["2-2 b", "1-1 a", "3-3 c"]);
    const twin = { counts, sums: [...sums, sums[1]!] };
    expect(show(rankMethods(twin))).toEqual(["3-3 b", "1-2 a", "4-4 c", "1-2 a"]);
  });

  it("overlap where a method lies between two that differ", () => {
    const alike = new Float64Array(300).map((_, i) => (i % 2 === 0 ? 1 : 0));
    const between = alike.map((value, i) => (i % 100 === 1 ? 1 : value));
    const best = between.map((value, i) => (i % 60 === 3 ? 1 : value));
    const ranks = rankMethods({
      counts: new Float64Array(300).fill(1),
      sums: [alike, between, best],
    });
    expect(show(ranks)).toEqual(["2-3 b", "1-3 ab", "1-2 a"]);
  });

  it("hold all true ranks in at least 95% of repetitions, single questions and clusters", () => {
    for (const [clusters, size] of [
      [80, 1],
      [30, 5],
    ] as const) {
      const shares = [0.5, 0.5, 0.5, 0.5, 0.62, 0.62];
      const repetitions = 400;
      let held = 0;
      for (let seed = 0; seed < repetitions; seed++) {
        const ranks = rankMethods(simulate(shares, clusters, size, seed), { samples: 1_000 });
        if (
          ranks.every(({ low, high }, i) =>
            i < 4 ? high === 6 && low <= 3 : low === 1 && high >= 2,
          )
        )
          held += 1;
      }
      expect(held / repetitions, `${clusters} clusters`).toBeGreaterThan(0.93);
    }
  });

  it("leave every rank open where the questions are too few to tell", () => {
    const all = new Float64Array(4).fill(1);
    const none = new Float64Array(4);
    expect(show(rankMethods({ counts: all, sums: [all, none] }))).toEqual(["1-2 a", "1-2 a"]);
    expect(rankMethods({ counts: all, sums: [] })).toEqual([]);
    expect(show(rankMethods({ counts: all, sums: [none] }))).toEqual(["1-1 a"]);
    const many = new Float64Array(20).fill(1);
    expect(show(rankMethods({ counts: many, sums: [new Float64Array(20), many] }))).toEqual([
      "2-2 b",
      "1-1 a",
    ]);
  });
});
