import { describe, expect, it } from "vitest";
import {
  answersItself,
  buildComparabilityKey,
  assessCompleteness,
  listDifferences,
  isInScope,
  parseScopeKey,
  buildScopeKey,
  type ResultFacts,
} from "./comparability";
import { predictConfigSchema } from "@/contracts/run-config/predict-config";

const facts: ResultFacts = {
  questionSet: "atlas/held-out",
  questionSetVersion: "a1",
  limit: null,
  corpus: "atlas",
  corpusVersion: "c1",
  generator: "smollm2",
  promptStyle: "few-shot",
  maxTokens: 12,
  answersItself: false,
  scorer: "span@1",
};
const changed: [Partial<ResultFacts>, string][] = [
  [{ corpus: "wiki-18" }, "another corpus: wiki-18"],
  [{ corpusVersion: "c2" }, "another version of the corpus atlas"],
  [{ generator: "qwen" }, "another generator: qwen"],
  [{ promptStyle: "chat" }, "another prompt: chat"],
  [{ maxTokens: 64 }, "another limit of answers: 64 tokens"],
  [{ maxTokens: null }, "another limit of answers: not known"],
  [{ scorer: "exact-match@1" }, "another scorer: exact-match@1"],
  [{ questionSet: "nq" }, "other questions: nq"],
  [{ questionSetVersion: "a2" }, "another version of atlas/held-out"],
  [{ limit: 72 }, "only a part of the questions: first 72"],
  [{ limit: 72, sampleSeed: 42 }, "only a part of the questions: 72 of each source by seed 42"],
  [{ skipYesNo: true as const }, "only a part of the questions: without yes and no"],
];

describe("comparability", () => {
  it.each(changed)("%o is another key and says why", (change, reason) => {
    const other = { ...facts, ...change };
    expect(buildComparabilityKey(other)).not.toBe(buildComparabilityKey(facts));
    expect(listDifferences(other, facts)).toEqual([reason]);
  });

  it("equal facts have one key and no difference; every difference is named", () => {
    expect(buildComparabilityKey({ ...facts })).toBe(buildComparabilityKey(facts));
    expect(listDifferences(facts, facts)).toEqual([]);
    expect(listDifferences({ ...facts, corpus: "x", scorer: "y", limit: 3 }, facts)).toHaveLength(
      3,
    );
  });

  it("a method that answers itself shares the model, not how the generator is asked", () => {
    const direct = { ...facts, promptStyle: "direct@1", maxTokens: null, answersItself: true };
    expect(isInScope(direct, facts)).toBe(true);
    expect(isInScope({ ...direct, generator: "qwen" }, facts)).toBe(false);
    expect(isInScope({ ...direct, answersItself: false }, facts)).toBe(false);
  });

  it("a scope's key says its facts", () => {
    const {
      questionSet: _set,
      questionSetVersion: _version,
      limit: _limit,
      answersItself: _self,
      ...scope
    } = { ...facts, corpusVersion: null };
    expect(parseScopeKey(buildScopeKey(scope))).toEqual(scope);
  });

  it("stored episodes that are answered anew are the generator's answers; kept ones are whose they were", () => {
    const of = (changes: object): boolean =>
      answersItself(predictConfigSchema.parse({ kind: "predict", name: "p", ...changes }));
    const episodesOf = "00000000-0000-4000-8000-000000000001";
    expect([
      of({ method: "cot" }),
      of({ method: "ircot" }),
      of({ method: "ircot", methodSettings: { answeredBy: "generator" } }),
      of({ method: "s3" }),
    ]).toEqual([true, true, false, false]);
    for (const method of ["cot", "ircot", "search-o1"]) {
      expect(of({ method, reuse: { episodesOf } }), method).toBe(false);
      expect(of({ method, reuse: { episodesOf, keepAnswers: true } }), method).toBe(true);
      expect(
        of({
          method,
          methodSettings: { answeredBy: "generator" },
          reuse: { episodesOf, keepAnswers: true },
        }),
        method,
      ).toBe(false);
    }
    // Of a run that searches, CoT answers itself whatever the setting says.
    expect(of({ method: "cot", methodSettings: { answeredBy: "generator" } })).toBe(true);
  });

  it("what is missing makes a result incomplete, never wrong", () => {
    expect(assessCompleteness({ expected: 585, answered: 585, scored: 585 })).toEqual({
      complete: true,
      reason: null,
    });
    expect(assessCompleteness({ expected: 585, answered: 72, scored: 72 }).reason).toBe(
      "incomplete: 72 of 585",
    );
    expect(assessCompleteness({ expected: 585, answered: 80, scored: 72 }).reason).toBe(
      "incomplete: 72 of 585, 8 answered but not scored",
    );
    expect(
      assessCompleteness({ expected: 585, answered: 582, scored: 582, failed: 3 }).reason,
    ).toBe("incomplete: 582 of 585, 3 failed");
  });
});
