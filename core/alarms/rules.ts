import type { Measured } from "@/contracts/records/alarms";
import { isGrouped } from "@/contracts/run-config/algorithm-names";
import type { MetricName } from "@/core/metrics/metric-table";
import {
  compareWithLimit,
  getPoints,
  judgeFallWhileRewardRises,
  selectWorst,
  STEPS_TO_CLEAR,
  type AlarmRule,
  type RuleResult,
} from "./alarm-rule";
import {
  summariseBetween,
  takeLatest,
  summarisePoints,
  WINDOW,
  listWindows,
  type MetricHistory,
  type Point,
} from "./metric-history";
import { RECENT_RULES } from "./recent-rules";

/**
 * Held-out GBR falls while the training reward rises. The best two neighbouring evaluations are compared with the last
 * two: both must be lower by a margin of two standard errors of a difference, at least 0.05. Naive RAG's part of GBR is
 * the same each time, so the error is that of two accuracies over the held-out questions, taken as independent.
 */
const rewardHacking: AlarmRule = {
  name: "reward-hacking",
  metrics: ["held-out/gbr"],
  alsoReads: ["reward/mean", "held-out/accuracy"],
  clearAfter: 2,
  evaluate(history, { heldOutQuestions }) {
    const evaluations = getPoints(history, "held-out/gbr");
    const last = takeLatest(evaluations, 2);
    const earlier = evaluations.slice(0, -2);
    if (!last || earlier.length < 2 || heldOutQuestions === 0) return null;
    const best = listWindows(earlier, 2).reduce((a, b) => (b.value >= a.value ? b : a));
    const now = {
      value: Math.max(...last.map(({ value }) => value)),
      fromStep: last[0]!.step,
      toStep: last[1]!.step,
    };
    const accuracies = getPoints(history, "held-out/accuracy");
    const variance =
      accuracies.length === 0
        ? 0.25
        : Math.max(...accuracies.slice(-2).map(({ value }) => value * (1 - value)));
    const margin = Math.max(0.05, 2 * Math.sqrt((2 * variance) / heldOutQuestions));

    const rewards = getPoints(history, "reward/mean");
    // The reward around the best evaluations: the steps up to the second of them, or else the first steps.
    const upToBest = rewards.filter(({ step }) => step <= best.toStep);
    const then = summarisePoints(
      upToBest.length >= 3 ? upToBest.slice(-WINDOW) : rewards.slice(0, WINDOW),
    );
    const recent = takeLatest(rewards);
    if (!then || !recent || recent[0]!.step <= then.fromStep) return null;
    return {
      ...judgeFallWhileRewardRises(
        "held-out/gbr",
        { now, best, margin },
        { now: summarisePoints(recent)!, then },
      ),
      since: now.fromStep,
    };
  },
};

/**
 * Entropy per action token. In a healthy run it falls slowly, to a half or a third. Bad is a fifth of that of the first
 * three steps and at most 0.05 nats; below 0.005 nats every token is almost certain, whatever the entropy was at first.
 */
const entropyCollapse: AlarmRule = {
  name: "entropy-collapse",
  metrics: ["actor/entropy_loss"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const points = getPoints(history, "actor/entropy_loss");
    const recent = takeLatest(points);
    if (!recent) return null;
    const opening = summarisePoints(points.slice(0, 3))!;
    const limit = Math.max(0.005, Math.min(0.05, opening.value / 5));
    return compareWithLimit(
      "actor/entropy_loss",
      recent,
      { side: "at-most", value: limit },
      1.5 * limit,
      opening,
    );
  },
};

/** A smaller increase in tokens is no explosion, whatever the ratio. */
const MIN_GROWTH_TOKENS = 16;

/**
 * Responses twice as long as in earlier windows, while the reward is no higher than in the best of these (a searcher that
 * learns to search twice writes more and earns more); or half of the episodes truncated by a token limit, a quarter more
 * than at first.
 */
const lengthExplosion: AlarmRule = {
  name: "length-explosion",
  metrics: ["response_length/mean"],
  alsoReads: ["reward/mean", "response_length/clip_ratio"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate: (history) => selectWorst([checkLengthGrowth(history), checkTruncation(history)]),
};

function checkLengthGrowth(history: MetricHistory): RuleResult | null {
  const lengths = getPoints(history, "response_length/mean");
  const recent = takeLatest(lengths);
  if (!recent || lengths.length < 2 * WINDOW) return null;
  const now = summarisePoints(recent)!;
  const earlier = listWindows(lengths.slice(0, -WINDOW));
  const listShorterWindows = (ratio: number): Measured[] =>
    earlier.filter(
      ({ value }) => now.value >= ratio * value && now.value - value >= MIN_GROWTH_TOKENS,
    );
  const rewards = getPoints(history, "reward/mean");
  const reward = summariseBetween(rewards, now.fromStep, now.toStep);
  const candidates = listShorterWindows(2).flatMap((length) => {
    const earned = summariseBetween(rewards, length.fromStep, length.toStep);
    return earned ? [{ length, earned }] : [];
  });
  if (!reward || candidates.length === 0)
    return {
      verdict: listShorterWindows(1.5).length > 0 ? "between" : "good",
      since: now.fromStep,
      evidence: [{ metric: "response_length/mean", now, before: earlier[0]!, limit: null }],
    };
  const { length, earned } = candidates.reduce((a, b) =>
    b.earned.value >= a.earned.value ? b : a,
  );
  const gain = reward.value - earned.value;
  return {
    verdict: gain < 0.02 ? "bad" : gain < 0.05 ? "between" : "good",
    since: recent.find(({ value }) => value >= 2 * length.value)?.step ?? now.fromStep,
    evidence: [
      {
        metric: "response_length/mean",
        now,
        before: length,
        limit: { side: "at-least", value: 2 * length.value },
      },
      {
        metric: "reward/mean",
        now: reward,
        before: earned,
        limit: { side: "at-most", value: earned.value + 0.02 },
      },
    ],
  };
}

function checkTruncation(history: MetricHistory): RuleResult | null {
  const shares = getPoints(history, "response_length/clip_ratio");
  const recent = takeLatest(shares);
  if (!recent) return null;
  const opening = summarisePoints(shares.slice(0, WINDOW))!;
  const limit = Math.max(0.5, opening.value + 0.25);
  return compareWithLimit(
    "response_length/clip_ratio",
    recent,
    { side: "at-least", value: limit },
    limit - 0.2,
    opening,
  );
}

/** Half of the queries are the question itself; cleared below three in ten. */
const questionCopied: AlarmRule = {
  name: "question-copied",
  metrics: ["search/copied_question"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const recent = takeLatest(getPoints(history, "search/copied_question"));
    return (
      recent &&
      compareWithLimit("search/copied_question", recent, { side: "at-least", value: 0.5 }, 0.3)
    );
  },
};

/** Format errors per episode: 0.3 more than twice those of the best earlier window. While a model learns the form they fall. */
const formatDrift: AlarmRule = {
  name: "format-drift",
  metrics: ["search/format_errors"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const points = getPoints(history, "search/format_errors");
    const recent = takeLatest(points);
    if (!recent || points.length < 2 * WINDOW) return null;
    const best = listWindows(points.slice(0, -WINDOW)).reduce((a, b) =>
      b.value <= a.value ? b : a,
    );
    return compareWithLimit(
      "search/format_errors",
      recent,
      { side: "at-least", value: 2 * best.value + 0.3 },
      2 * best.value + 0.15,
      best,
    );
  },
};

/** Nine groups in ten without variance; only for algorithms whose baseline is the group. Half of them is usual on a filtered pool. */
const noVariance: AlarmRule = {
  name: "no-variance",
  metrics: ["groups/without_variance"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history, { algorithm, groupSize }) {
    if (groupSize < 2 || !isGrouped(algorithm)) return null;
    const recent = takeLatest(getPoints(history, "groups/without_variance"));
    return (
      recent &&
      compareWithLimit("groups/without_variance", recent, { side: "at-least", value: 0.9 }, 0.75)
    );
  },
};

/**
 * KL to the reference per action token, in the reward or in the loss: 1 nat, where the reference finds the tokens almost
 * three times less likely; or 0.3 nats and five times that of the five steps before. It usually stays below 0.1.
 */
const klRunaway: AlarmRule = {
  name: "kl-runaway",
  metrics: ["critic/kl", "actor/kl_loss"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate: (history) =>
    selectWorst(
      (["critic/kl", "actor/kl_loss"] as const).map((metric) =>
        checkKl(metric, getPoints(history, metric)),
      ),
    ),
};

function checkKl(metric: MetricName, points: readonly Point[]): RuleResult | null {
  const recent = takeLatest(points);
  if (!recent) return null;
  const before = summarisePoints(points.slice(-2 * WINDOW, -WINDOW));
  const limit =
    before && points.length >= 2 * WINDOW ? Math.min(1, Math.max(0.3, 5 * before.value)) : 1;
  return compareWithLimit(metric, recent, { side: "at-least", value: limit }, limit / 2, before);
}

/** Explained variance of the critic below -0.5 over ten steps. The first five steps are left out: a new critic knows nothing. */
const valueUseless: AlarmRule = {
  name: "value-useless",
  metrics: ["critic/vf_explained_var"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const recent = takeLatest(
      getPoints(history, "critic/vf_explained_var").slice(WINDOW),
      2 * WINDOW,
    );
    return (
      recent &&
      compareWithLimit("critic/vf_explained_var", recent, { side: "at-most", value: -0.5 }, -0.1)
    );
  },
};

/** Gradient norms ten times the usual of this run and ten times the clip, in most of five steps; or updates skipped as not finite in most of them. */
const gradientExplosion: AlarmRule = {
  name: "gradient-explosion",
  metrics: ["actor/grad_norm", "critic/grad_norm", "actor/skipped_updates"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history, { gradientClip }) {
    const skipped = takeLatest(getPoints(history, "actor/skipped_updates"));
    return selectWorst([
      ...(["actor/grad_norm", "critic/grad_norm"] as const).map((metric) =>
        checkGradientNorm(metric, getPoints(history, metric), gradientClip),
      ),
      skipped &&
        compareWithLimit("actor/skipped_updates", skipped, { side: "at-least", value: 1 }, 0.5),
    ]);
  },
};

function checkGradientNorm(
  metric: MetricName,
  points: readonly Point[],
  gradientClip: number,
): RuleResult | null {
  const recent = takeLatest(points);
  const usual = summarisePoints(points.slice(0, -WINDOW));
  if (!recent || !usual || points.length < 2 * WINDOW) return null;
  const limit = 10 * Math.max(usual.value, gradientClip);
  return compareWithLimit(metric, recent, { side: "at-least", value: limit }, limit / 3, usual);
}

/** A fifth of the attempts at generator and judge failed; cleared below a tenth. */
const generatorErrors: AlarmRule = {
  name: "generator-errors",
  metrics: ["generator/retries"],
  clearAfter: STEPS_TO_CLEAR,
  evaluate(history) {
    const recent = takeLatest(getPoints(history, "generator/retries"));
    return (
      recent && compareWithLimit("generator/retries", recent, { side: "at-least", value: 0.2 }, 0.1)
    );
  },
};

export const RULES: readonly AlarmRule[] = [
  rewardHacking,
  entropyCollapse,
  lengthExplosion,
  questionCopied,
  formatDrift,
  noVariance,
  klRunaway,
  valueUseless,
  gradientExplosion,
  generatorErrors,
  ...RECENT_RULES,
];
