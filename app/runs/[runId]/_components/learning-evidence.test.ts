import { expect, it } from "vitest";
import { createText } from "@/app/_i18n/format-text";
import type { Learning } from "@/contracts/api/learning";
import { formatLearningEvidence } from "@/core/run/learning";
import { writeLearningEvidence } from "./learning-evidence";

const difference = { fromStep: 0, toStep: 9, from: 0.5, to: 0.4, questions: 72, clusters: 40 };
const nothing = { verdict: "unknown", difference: null, alarms: [], missing: null } as const;
const cases: Learning[] = [
  {
    ...nothing,
    difference: { ...difference, mean: -0.1, low: -0.2, high: -0.001 },
    alarms: [
      { name: "length-explosion", since: 4 },
      { name: "entropy-collapse", since: 6 },
    ],
  },
  { ...nothing, alarms: [], difference: { ...difference, mean: 0.11, low: 0.04, high: 0.18 } },
  ...(["evaluation", "no-held-out", "few-questions"] as const).map((missing) => ({
    ...nothing,
    alarms: [],
    missing,
  })),
];

it("says in English what the report says", () => {
  const t = createText("en", {});
  for (const learning of cases)
    expect(writeLearningEvidence(t, learning)).toBe(formatLearningEvidence(learning));
});
