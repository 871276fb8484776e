import { markText, type Text } from "@/app/_i18n/format-text";
import type { Learning, LearningDifference } from "@/contracts/api/learning";
import { ALARMS } from "@/core/metrics/alarms";

const MISSING_TEXTS: Readonly<Record<NonNullable<Learning["missing"]>, string>> = {
  evaluation: markText("two held-out evaluations are needed"),
  "no-held-out": markText("this run asks no held-out questions"),
  "few-questions": markText("an interval needs at least 10 groups of held-out questions"),
};

/** The evidence in the page's language; in English as core's formatLearningEvidence writes it. */
export function writeLearningEvidence(t: Text, { difference, alarms, missing }: Learning): string {
  const parts = alarms.map(({ name, since }) =>
    t("{alarm} since step {since}", { alarm: t(ALARMS[name].title), since }),
  );
  if (difference !== null) parts.push(writeDifference(t, difference));
  if (missing !== null) parts.push(t(MISSING_TEXTS[missing]));
  return parts.join("; ");
}

const writeDifference = (t: Text, { mean, low, high, questions }: LearningDifference): string =>
  t("{mean} held-out over its start, 95% {low} to {high}, {questions} questions", {
    mean: `${mean < 0 ? "−" : "+"}${Math.abs(mean).toFixed(2)}`,
    low: writeEnd(low),
    high: writeEnd(high),
    questions,
  });

/** Two decimals with a true minus; a value that rounds to zero has no sign. */
function writeEnd(value: number): string {
  const text = Math.abs(value).toFixed(2);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}
