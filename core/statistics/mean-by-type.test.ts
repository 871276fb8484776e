import fc from "fast-check";
import { expect, it } from "vitest";
import { averageByType, computeMacroMean } from "./mean-by-type";

it("each type counts once, however many questions it has", () => {
  const types = ["nq", "hotpotqa", "nq", "nq", "hotpotqa"];
  const means = averageByType(types, [1, 0, 1, 0, NaN]);
  expect(means).toEqual([
    { type: "nq", scored: 3, mean: 2 / 3 },
    { type: "hotpotqa", scored: 1, mean: 0 },
  ]);
  expect(computeMacroMean(means)).toBeCloseTo(1 / 3, 12);
});

it("says nothing of one type, of a question without a type, or of none", () => {
  expect(averageByType(["a", "a"], [1, 0])).toEqual([]);
  expect(averageByType(["a", "b", null], [1, 0, 1])).toEqual([]);
  expect(averageByType(["a", "b", null], [1, 0, NaN])).toHaveLength(2);
  expect(averageByType(["a", "b"], [1, NaN])).toEqual([]);
  expect(
    averageByType(
      Array.from({ length: 65 }, (_, i) => String(i)),
      Array(65).fill(1),
    ),
  ).toEqual([]);
  expect(computeMacroMean([])).toBeNull();
});

it("weighted by their questions the types' means are the mean of all", () => {
  const question = fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom(0, 0.5, 1));
  fc.assert(
    fc.property(fc.array(question, { minLength: 2 }), (questions) => {
      const means = averageByType(
        questions.map(([type]) => type),
        questions.map(([, score]) => score),
      );
      if (means.length === 0) return;
      const pooled = questions.reduce((sum, [, score]) => sum + score, 0) / questions.length;
      const weighted = means.reduce((sum, { scored, mean }) => sum + scored * mean, 0);
      expect(weighted / questions.length).toBeCloseTo(pooled, 10);
    }),
  );
});
