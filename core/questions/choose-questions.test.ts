import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";
import { drawNumpySample } from "@/core/statistics/numpy-random";
import {
  chooseQuestions,
  describeChoice,
  describeSkipped,
  isYesNoQuestion,
} from "./choose-questions";

const ask = (id: number, type: string | null, ...answers: string[]) => ({ id, type, answers });
const ids = (questions: { id: number }[]) => questions.map(({ id }) => id);

describe("the questions of a run", () => {
  const set = Array.from({ length: 40 }, (_, i) => ask(i, i % 4 === 0 ? "nq" : "hotpotqa", "x"));

  it("are all, the first n, or those without yes and no", () => {
    expect(ids(chooseQuestions(set, { limit: null }))).toHaveLength(40);
    expect(ids(chooseQuestions(set, { limit: 3 }))).toEqual([0, 1, 2]);
    const mixed = [ask(0, null, "Yes"), ask(1, null, "a", "no"), ask(2, null, "yes, it is")];
    expect(ids(chooseQuestions(mixed, { limit: 1, skipYesNo: true }))).toEqual([2]);
    expect(describeSkipped(mixed)).toMatch(/^2 of 3 questions/);
  });

  it("are drawn of each data source as pandas draws its rows, a small source whole", () => {
    const drawn = ids(chooseQuestions(set, { limit: 12, sampleSeed: 42 }));
    const expected = drawNumpySample(30, 12, 42).map((row) => row + Math.floor(row / 3) + 1);
    expect(drawn.filter((id) => id % 4 === 0)).toHaveLength(10);
    expect(drawn.filter((id) => id % 4 !== 0)).toEqual(expected.sort((a, b) => a - b));
    expect(drawn).not.toEqual(ids(chooseQuestions(set, { limit: 12, sampleSeed: 43 })));
  });

  it("are a part of the set in its order, at most n of each source", () => {
    const types = fc.array(fc.constantFrom("a", "b", null), { maxLength: 60 });
    fc.assert(
      fc.property(types, fc.integer({ min: 1, max: 20 }), fc.nat(), (kinds, limit, sampleSeed) => {
        const chosen = chooseQuestions(
          kinds.map((type, i) => ask(i, type, "x")),
          { limit, sampleSeed },
        );
        expect(ids(chosen)).toEqual([...new Set(ids(chosen))].sort((a, b) => a - b));
        for (const type of ["a", "b", null])
          expect(chosen.filter((q) => q.type === type)).toHaveLength(
            Math.min(limit, kinds.filter((kind) => kind === type).length),
          );
      }),
    );
  });

  it.each(["yes", "No", "true", "False"])("%s alone is a yes-no answer", (answer) => {
    expect(isYesNoQuestion({ answers: ["other", answer] })).toBe(true);
    for (const other of [answer.toUpperCase(), `${answer}.`, ` ${answer}`, "y"])
      expect(isYesNoQuestion({ answers: [other] })).toBe(false);
  });

  it("are told in words", () => {
    expect(describeChoice({ limit: null })).toBeNull();
    expect(describeChoice({ limit: 3, skipYesNo: true })).toBe("first 3, without yes and no");
    expect(describeChoice({ limit: 3, sampleSeed: 42 })).toBe("3 of each source by seed 42");
  });

  it("a seed without a limit is refused, and defaults leave no trace in a configuration", () => {
    const parse = (more: object) =>
      predictConfigSchema.safeParse({ kind: "predict", name: "n", ...more });
    expect(parse({ sampleSeed: 42 }).error?.issues[0]?.path).toEqual(["sampleSeed"]);
    expect(parse({ sampleSeed: 42, limit: 9 }).data?.sampleSeed).toBe(42);
    const plain = JSON.stringify(parse({ sampleSeed: null, skipYesNo: false }).data);
    expect(plain).not.toMatch(/sampleSeed|skipYesNo/);
  });
});
