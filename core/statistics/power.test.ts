import { describe, expect, it } from "vitest";
import { createRandom, type ClusterSum } from "./bootstrap";
import {
  computeSmallestDifference,
  computeStandardError,
  countNeededSeeds,
  planQuestions,
  predictSmallestDifference,
  splitPairedVariance,
  splitSeedVariance,
} from "./power";

const single = (values: readonly number[]): ClusterSum[] =>
  values.map((sum) => ({ sum, count: 1 }));

/** A normal variable as a sum of twelve even ones. */
const drawNormal = (random: () => number): number =>
  Array.from({ length: 12 }, random).reduce((a, b) => a + b, -6);

describe("the smallest difference that could have been seen", () => {
  it("is 2.80 standard errors of many questions, and more of few", () => {
    const values = Array.from({ length: 2_000 }, (_, i) =>
      i % 5 === 0 ? 1 : i % 5 === 1 ? -1 : 0,
    );
    const error = Math.sqrt(0.4 / 1_999);
    expect(computeStandardError(single(values))).toBeCloseTo(error, 10);
    expect(computeSmallestDifference(single(values))! / error).toBeCloseTo(1.95996 + 0.84162, 4);
    // t quantiles of 9 degrees of freedom: 2.26216 and 0.88340.
    const few = single(values.slice(0, 10));
    expect(computeSmallestDifference(few)! / computeStandardError(few)!).toBeCloseTo(3.14556, 4);
  });

  it("is larger of clusters whose questions are alike, and not known without variance", () => {
    const values = Array.from({ length: 100 }, (_, i) => ((i >> 3) % 2 === 0 ? 1 : 0));
    const clusters = Array.from({ length: 12 }, (_, g) => ({ sum: g % 2 === 0 ? 8 : 0, count: 8 }));
    expect(computeSmallestDifference(clusters)!).toBeGreaterThan(
      2 * computeSmallestDifference(single(values))!,
    );
    expect(computeSmallestDifference(single([0, 0, 0]))).toBeNull();
    expect(computeSmallestDifference(single([1]))).toBeNull();
  });

  it("is shown in 80 of 100 repetitions", () => {
    const random = createRandom(3);
    const [questions, repetitions] = [150, 2_000];
    let shown = 0;
    const truth = 2.8173 / Math.sqrt(questions);
    for (let r = 0; r < repetitions; r++) {
      const entries = single(Array.from({ length: questions }, () => truth + drawNormal(random)));
      const mean = entries.reduce((all, { sum }) => all + sum, 0) / questions;
      if (mean > 1.976 * computeStandardError(entries)!) shown += 1;
    }
    expect(Math.abs(shown / repetitions - 0.8)).toBeLessThan(0.03);
  });
});

describe("the planner", () => {
  const [questions, seeds] = [3_000, 40];
  const truth = { question: 0.16, within: 0.09, between: 0.0004 };
  const random = createRandom(11);
  const ease = Array.from(
    { length: questions },
    () => Math.sqrt(truth.question) * drawNormal(random),
  );
  const scores = Array.from({ length: seeds }, () => {
    const shift = Math.sqrt(truth.between) * drawNormal(random);
    return ease.map((of) => of + shift + Math.sqrt(truth.within) * drawNormal(random));
  });

  it("finds again the parts that results were made of", () => {
    const split = splitSeedVariance(scores)!;
    expect(split.within).toBeCloseTo(truth.within, 2);
    expect(split.between / truth.between).toBeGreaterThan(0.5);
    expect(split.between / truth.between).toBeLessThan(1.7);
    const means = ease.map((_, q) => scores.reduce((sum, of) => sum + of[q]!, 0) / seeds);
    const parts = splitPairedVariance(single(means), [split, null])!;
    expect(parts.betweenQuestions).toBeCloseTo(truth.question, 1);
    expect(parts).toMatchObject({ withinQuestions: split.within, betweenSeeds: split.between });
  });

  it("needs as many questions as the formula says, and says where only seeds help", () => {
    const parts = { betweenQuestions: 0.3, withinQuestions: 0.1, betweenSeeds: 0 };
    // (1.95996 + 0.84162)^2 x 0.4 / 0.03^2
    expect(planQuestions(parts, 0.03, 1)).toBe(3489);
    expect(planQuestions(parts, 0.03, 4)).toBe(2835);
    expect(predictSmallestDifference(parts, 3489, 1)).toBeCloseTo(0.03, 5);
    const seeded = { ...parts, betweenSeeds: 0.0004 };
    expect(planQuestions(seeded, 0.03, 3)).toBeNull();
    expect(countNeededSeeds(seeded, 0.03)).toBe(4);
    expect(planQuestions(seeded, 0.03, 4)).toBeGreaterThan(2835);
    expect(countNeededSeeds(parts, 0.03)).toBe(1);
  });

  it("claims nothing from one seed or equal scores", () => {
    expect(splitSeedVariance([[1, 0, 1]])).toBeNull();
    expect(splitPairedVariance(single([0, 0]), [null, null])).toBeNull();
  });
});
