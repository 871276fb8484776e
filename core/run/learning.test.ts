import { describe, expect, it } from "vitest";
import type { LearningDifference } from "@/contracts/api/learning";
import { createTranslate, NO_TRANSLATION } from "@/core/texts/format-text";
import {
  computeLearningDifference,
  formatLearningEvidence,
  judgeLearning,
  type LearningFacts,
} from "./learning";

const ENGLISH = createTranslate("en", NO_TRANSLATION);

const difference = (low: number, mean: number, high: number): LearningDifference => ({
  fromStep: 0,
  toStep: 20,
  from: 0.4,
  to: 0.4 + mean,
  mean,
  low,
  high,
  questions: 72,
  clusters: 30,
  smallest: 0.123,
});
const judge = (facts: Partial<LearningFacts>) =>
  judgeLearning({ isOpen: false, heldOutQuestions: 72, difference: null, alarms: [], ...facts });
const GAIN = difference(0.04, 0.11, 0.18);

describe("whether a run learns", () => {
  it.each([
    ["learns", { difference: GAIN }],
    ["learns", { difference: GAIN, alarms: [{ name: "entropy-collapse", since: 9 }] }],
    ["no-difference", { difference: difference(-0.02, 0.05, 0.1) }],
    ["no-difference", { difference: difference(0, 0.05, 0.1) }],
    ["worse", { difference: difference(-0.2, -0.1, -0.01) }],
    ["collapsed", { alarms: [{ name: "kl-runaway", since: 3 }] }],
    [
      "collapsed",
      {
        difference: difference(-0.2, -0.1, -0.01),
        alarms: [
          { name: "no-variance", since: 2 },
          { name: "reward-hacking", since: 3 },
        ],
      },
    ],
    [
      "nothing-to-learn",
      {
        difference: difference(-0.02, 0.05, 0.1),
        alarms: [{ name: "no-variance", since: 1 }],
      },
    ],
    // Requests that had to be sent again say nothing of what is learnt.
    ["too-early", { isOpen: true, alarms: [{ name: "generator-errors", since: 1 }] }],
    ["unknown", { difference: null }],
    ["unknown", { isOpen: true, heldOutQuestions: 0 }],
    ["unknown", { difference: { ...GAIN, clusters: 9 } }],
  ] as const)("says %s of %j", (verdict, facts) => {
    expect(judge(facts as Partial<LearningFacts>).verdict).toBe(verdict);
  });

  it("gives its evidence in one line", () => {
    expect(formatLearningEvidence(ENGLISH, judge({ difference: GAIN }))).toBe(
      "+0.11 held-out over its start, 95% 0.04 to 0.18, 72 questions",
    );
    expect(
      formatLearningEvidence(
        ENGLISH,
        judge({
          difference: difference(-0.2, -0.1, -0.001),
          alarms: [{ name: "kl-runaway", since: 3 }],
        }),
      ),
    ).toBe(
      "KL runaway since step 3; −0.10 held-out over its start, 95% −0.20 to 0.00, 72 questions",
    );
    expect(formatLearningEvidence(ENGLISH, judge({ isOpen: true }))).toBe(
      "two held-out evaluations are needed",
    );
    expect(
      formatLearningEvidence(ENGLISH, judge({ difference: { ...GAIN, clusters: 9 } })),
    ).toContain("; an interval needs at least 10 groups of held-out questions");
  });

  it("says beside no difference how small a one it could have shown", () => {
    const unseen = difference(-0.02, 0.05, 0.1);
    expect(formatLearningEvidence(ENGLISH, judge({ difference: unseen }))).toBe(
      "+0.05 held-out over its start, 95% −0.02 to 0.10, 72 questions; a difference of 0.12 would have been shown in four of five repetitions",
    );
    expect(
      formatLearningEvidence(ENGLISH, judge({ difference: { ...unseen, smallest: null } })),
    ).toContain("; how small a difference it could have shown is not known");
  });

  it("draws whole groups of questions", () => {
    const at = { fromStep: 0, toStep: 5, from: 0.25, to: 0.5 };
    const found = computeLearningDifference(
      Array.from({ length: 12 }, (_, i) => ({ sum: i % 2, count: 2 })),
      at,
    );
    expect(found).toMatchObject({ ...at, mean: 0.25, questions: 24, clusters: 12 });
    expect(found!.low).toBeGreaterThan(0);
    // Twelve groups of two questions: (t of 0.975 + t of 0.8) on 11 degrees times the standard error of their mean.
    const error = Math.sqrt(0.25 ** 2 / 11);
    expect(found!.smallest).toBeCloseTo((2.200985 + 0.87553) * error, 4);
    expect(computeLearningDifference([], at)).toBeNull();
  });
});
