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
import type { ComparabilityReason } from "@/contracts/records/comparability";
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
const changed: [Partial<ResultFacts>, ComparabilityReason["code"], object?][] = [
  [{ corpus: "wiki-18" }, "corpus"],
  [{ corpusVersion: "c2" }, "corpus-version", { corpus: "atlas" }],
  [{ generator: "qwen" }, "generator"],
  [{ promptStyle: "chat" }, "prompt"],
  [{ maxTokens: 64 }, "token-limit", { tokens: 64 }],
  [{ maxTokens: null }, "unknown-token-limit", {}],
  [{ scorer: "exact-match@1" }, "scorer"],
  [{ questionSet: "nq" }, "questions"],
  [{ questionSetVersion: "a2" }, "questions-version", { questionSet: "atlas/held-out" }],
  [{ limit: 72 }, "first-questions"],
  [{ limit: 72, sampleSeed: 42 }, "sampled-questions"],
  [{ skipYesNo: true as const }, "without-yes-no", {}],
];

describe("comparability", () => {
  it.each(changed)("%o is another key and says why", (change, code, values = change) => {
    const other = { ...facts, ...change };
    expect(buildComparabilityKey(other)).not.toBe(buildComparabilityKey(facts));
    expect(listDifferences(other, facts)).toEqual([{ code, values }]);
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
    const lack = (counts: Omit<Parameters<typeof assessCompleteness>[0], "expected">) =>
      assessCompleteness({ expected: 585, ...counts }).reason;
    const incomplete = { scored: 72, expected: 585, unscored: 0, failed: 0 };
    expect(lack({ answered: 72, scored: 72 })).toEqual({ code: "incomplete", values: incomplete });
    expect(lack({ answered: 80, scored: 72 })?.values).toEqual({ ...incomplete, unscored: 8 });
    expect(lack({ answered: 582, scored: 582, failed: 3 })?.values).toEqual({
      ...incomplete,
      scored: 582,
      failed: 3,
    });
  });
});
