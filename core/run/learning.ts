import type { Learning, LearningDifference, LearningVerdict } from "@/contracts/api/learning";
import type { AlarmName } from "@/contracts/records/alarms";
import { bootstrapPairs, type ClusterSum } from "@/core/statistics/bootstrap";
import { computeSmallestDifference } from "@/core/statistics/power";
import { ALARMS } from "@/core/metrics/alarms";
import { markText, type Translate } from "@/core/texts/format-text";

/** Whether a training run learns, told from stored results alone. */

/** What the verdict is made of. */
export interface LearningFacts {
  /** The run may still report more. */
  isOpen: boolean;
  /** Held-out questions that it is configured to ask. */
  heldOutQuestions: number;
  difference: LearningDifference | null;
  /** Alarms that are raised and not cleared. */
  alarms: Learning["alarms"];
}

/** Alarms after which a policy is spoilt, unless the held-out questions say otherwise. */
const COLLAPSES: ReadonlySet<AlarmName> = new Set<AlarmName>([
  "reward-hacking",
  "entropy-collapse",
  "length-explosion",
  "format-drift",
  "kl-runaway",
  "gradient-explosion",
  "queries-alike",
]);

/** A percentile interval of fewer clusters is narrower than what is known. */
const MIN_CLUSTERS = 10;

/** Compares two evaluations. @param clusters per group of questions the summed differences and the number of questions */
export function computeLearningDifference(
  clusters: readonly ClusterSum[],
  at: { fromStep: number; toStep: number; from: number; to: number },
): LearningDifference | null {
  if (clusters.length === 0) return null;
  const { mean, low, high, observations } = bootstrapPairs(clusters);
  return {
    ...at,
    mean,
    low,
    high,
    questions: observations,
    clusters: clusters.length,
    smallest: computeSmallestDifference(clusters),
  };
}

/** Decides whether a run learns. A gain that is beyond chance counts more than an alarm, an alarm more than no difference. */
export function judgeLearning(facts: LearningFacts): Learning {
  const { difference, isOpen } = facts;
  const alarms = facts.alarms.filter(({ name }) => name === "no-variance" || COLLAPSES.has(name));
  const answer = (verdict: LearningVerdict, missing: Learning["missing"] = null): Learning => ({
    verdict,
    difference,
    alarms,
    missing,
  });
  const enough = difference !== null && difference.clusters >= MIN_CLUSTERS;
  if (enough && difference.low > 0) return answer("learns");
  if (alarms.some(({ name }) => COLLAPSES.has(name))) return answer("collapsed");
  if (alarms.length > 0) return answer("nothing-to-learn");
  if (enough) return answer(difference.high < 0 ? "worse" : "no-difference");
  if (facts.heldOutQuestions === 0) return answer("unknown", "no-held-out");
  if (difference !== null) return answer("unknown", "few-questions");
  return answer(isOpen ? "too-early" : "unknown", "evaluation");
}

export const LEARNING_TITLES: Readonly<Record<LearningVerdict, string>> = {
  learns: "It learns",
  "no-difference": "No difference shown",
  worse: "It got worse",
  "nothing-to-learn": "Nearly no group has variance: nothing is being learnt",
  collapsed: "Collapsed",
  "too-early": "Too early to say",
  unknown: "Not known whether it learns",
};

const MISSING_TEXTS: Readonly<Record<NonNullable<Learning["missing"]>, string>> = {
  evaluation: markText("two held-out evaluations are needed"),
  "no-held-out": markText("this run asks no held-out questions"),
  "few-questions": markText("an interval needs at least {clusters} groups of held-out questions"),
};

/** The evidence in words, e.g. "+0.11 held-out over its start, 95% 0.04 to 0.18, 72 questions". */
export function formatLearningEvidence(
  t: Translate,
  { verdict, difference, alarms, missing }: Learning,
): string {
  const parts = alarms.map(({ name, since }) =>
    t("{alarm} since step {since}", { alarm: t(ALARMS[name].title), since }),
  );
  if (difference !== null) parts.push(formatDifference(t, difference));
  if (difference !== null && verdict === "no-difference")
    parts.push(formatSmallest(t, difference.smallest));
  if (missing !== null) parts.push(t(MISSING_TEXTS[missing], { clusters: MIN_CLUSTERS }));
  return parts.join("; ");
}

const formatDifference = (
  t: Translate,
  { mean, low, high, questions }: LearningDifference,
): string =>
  t("{mean} held-out over its start, 95% {low} to {high}, {questions} questions", {
    mean: `${mean < 0 ? "−" : "+"}${Math.abs(mean).toFixed(2)}`,
    low: formatEnd(low),
    high: formatEnd(high),
    questions,
  });

/** Without it "no difference shown" says nothing: a smaller difference may well be there. */
const formatSmallest = (t: Translate, smallest: number | null): string =>
  smallest === null
    ? t("how small a difference it could have shown is not known")
    : t("a difference of {smallest} would have been shown in four of five repetitions", {
        smallest: smallest.toFixed(2),
      });

/** Two decimals with a true minus; a value that rounds to zero has no sign. */
function formatEnd(value: number): string {
  const text = Math.abs(value).toFixed(2);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}
