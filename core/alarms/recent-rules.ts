import {
  compareWithLimit,
  getPoints,
  judgeFallWhileRewardRises,
  STEPS_TO_CLEAR,
  type AlarmRule,
} from "./alarm-rule";
import {
  listWindows,
  summariseBetween,
  summarisePoints,
  takeLatest,
  WINDOW,
} from "./metric-history";

/** Rules for collapses that were described since 2025. Their metrics and sources are in docs/method.md. */

/** A smaller fall of a mean log-probability, in nats, is no displacement, whatever the ratio. */
const MIN_FALL = 0.2;

/**
 * Likelihood displacement (Deng et al. 2025, arXiv 2512.04220): the policy finds the tokens of its own good episodes ever
 * less likely while the training reward rises. Bad is a mean log-probability twice as far below 0 as in the best earlier
 * window, with a reward at least 0.02 higher than then.
 */
const likelihoodDisplacement: AlarmRule = {
  name: "likelihood-displacement",
  metrics: ["actor/positive_logprob"],
  alsoReads: ["reward/mean"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const points = getPoints(history, "actor/positive_logprob");
    const recent = takeLatest(points);
    if (!recent || points.length < 2 * WINDOW) return null;
    const now = summarisePoints(recent)!;
    const best = listWindows(points.slice(0, -WINDOW)).reduce((a, b) =>
      b.value >= a.value ? b : a,
    );
    const rewards = getPoints(history, "reward/mean");
    const then = summariseBetween(rewards, best.fromStep, best.toStep);
    const reward = summariseBetween(rewards, now.fromStep, now.toStep);
    if (!then || !reward) return null;
    const margin = Math.max(MIN_FALL, Math.abs(best.value));
    return {
      ...judgeFallWhileRewardRises(
        "actor/positive_logprob",
        { now, best, margin },
        { now: reward, then },
      ),
      since: recent.find(({ value }) => value <= best.value - margin)?.step ?? now.fromStep,
    };
  },
};

/** Below this share queries tell next to nothing of their questions, whatever they told before. */
const LEAST_INFORMATION = 0.05;

/**
 * Queries that are the same whatever is asked: the mutual information of query and question (query-information.ts) is at
 * most a third of the best earlier window's, or at most 0.05 of what it can be.
 */
const queriesAlike: AlarmRule = {
  name: "queries-alike",
  metrics: ["search/query_information"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const points = getPoints(history, "search/query_information");
    const recent = takeLatest(points);
    if (!recent) return null;
    const best = listWindows(points.slice(0, -WINDOW)).reduce<ReturnType<typeof summarisePoints>>(
      (a, b) => (a === null || b.value >= a.value ? b : a),
      null,
    );
    const limit = Math.max(LEAST_INFORMATION, (best?.value ?? 0) / 3);
    return compareWithLimit(
      "search/query_information",
      recent,
      { side: "at-most", value: limit },
      1.5 * limit,
      best,
    );
  },
};

/** Over ten steps, nine questions in ten that no sample answers right, where questions have several; cleared below 0.75. */
const deadQuestions: AlarmRule = {
  name: "dead-questions",
  metrics: ["groups/dead_questions"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const recent = takeLatest(getPoints(history, "groups/dead_questions"), 2 * WINDOW);
    return (
      recent &&
      compareWithLimit("groups/dead_questions", recent, { side: "at-least", value: 0.9 }, 0.75)
    );
  },
};

export const RECENT_RULES: readonly AlarmRule[] = [
  likelihoodDisplacement,
  queriesAlike,
  deadQuestions,
];
