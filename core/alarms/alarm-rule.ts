import type { AlarmEvidence, AlarmName, Measured } from "@/contracts/records/alarms";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { MetricName } from "@/core/metrics/metric-table";
import { summarisePoints, type MetricHistory, type Point } from "./metric-history";

/** What an alarm's rule is, and how rules judge their metrics. */

/**
 * Result of a rule on the history so far. `bad` raises its alarm, several `good` in a row clear it, `between` leaves it
 * as it is. Two limits with space between them keep an alarm from switching on and off.
 */
export interface RuleResult {
  verdict: "bad" | "between" | "good";
  /** First step that shows the problem. */
  since: number;
  evidence: AlarmEvidence[];
}

/** What a rule must know of the run's configuration. */
export interface RunSettings {
  algorithm: TrainConfig["rl"]["algorithm"];
  groupSize: number;
  gradientClip: number;
  heldOutQuestions: number;
}

/** When an alarm is raised and cleared. */
export interface AlarmRule {
  name: AlarmName;
  /** The rule is evaluated with every new point of these. */
  metrics: readonly MetricName[];
  /** Metrics that it reads as well, whose new points do not cause an evaluation. */
  alsoReads?: readonly MetricName[];
  /** Good results in a row that clear the alarm. */
  clearAfter: number;
  /** Null while too little is known. */
  readonly evaluate: (history: MetricHistory, run: RunSettings) => RuleResult | null;
}

/** Good results in a row that clear most alarms. */
export const STEPS_TO_CLEAR = 3;
/** The points of a metric so far. */
export const getPoints = (history: MetricHistory, metric: MetricName): readonly Point[] =>
  history[metric] ?? [];

/** A bound and the side of it that is bad. */
export type Limit = NonNullable<AlarmEvidence["limit"]>;
const exceedsLimit = ({ side, value }: Limit, other: number): boolean =>
  side === "at-least" ? other >= value : other <= value;
/** bad: past `bad`; good: not past `clear`. */
const judgeValue = (now: number, bad: Limit, clear: number): RuleResult["verdict"] =>
  exceedsLimit(bad, now) ? "bad" : exceedsLimit({ ...bad, value: clear }, now) ? "between" : "good";

/**
 * Compares the median of a metric's last points with two limits: bad where it has passed `limit`, good where it has not
 * passed `clear`. `since` is the first of these points that has passed `limit`.
 */
export function compareWithLimit(
  metric: MetricName,
  points: readonly Point[],
  limit: Limit,
  clear: number,
  before: Measured | null = null,
): RuleResult {
  const now = summarisePoints(points)!;
  const since = points.find(({ value }) => exceedsLimit(limit, value))?.step ?? now.fromStep;
  return {
    verdict: judgeValue(now.value, limit, clear),
    since,
    evidence: [{ metric, now, before, limit }],
  };
}

/** A smaller rise of the training reward is none. */
const MIN_RISE = 0.02;

/**
 * Judges whether a metric has fallen from its best window by `margin` while the training reward has risen: bad only where
 * both hold, good once the fall is less than half of the margin.
 *
 * @param reward the training reward now, and as it was at the metric's best
 */
export function judgeFallWhileRewardRises(
  metric: MetricName,
  { now, best, margin }: { now: Measured; best: Measured; margin: number },
  reward: { now: Measured; then: Measured },
): Pick<RuleResult, "verdict" | "evidence"> {
  const limit = { side: "at-most", value: best.value - margin } as const;
  const risen = { side: "at-least", value: reward.then.value + MIN_RISE } as const;
  const fall = judgeValue(now.value, limit, best.value - margin / 2);
  return {
    verdict: fall === "bad" && reward.now.value < risen.value ? "between" : fall,
    evidence: [
      { metric, now, before: best, limit },
      { metric: "reward/mean", now: reward.now, before: reward.then, limit: risen },
    ],
  };
}

/** The worst of several results, with the evidence of all that are as bad. */
export function selectWorst(results: readonly (RuleResult | null)[]): RuleResult | null {
  const known = results.filter((result) => result !== null);
  const verdict = (["bad", "between", "good"] as const).find((v) =>
    known.some((result) => result.verdict === v),
  );
  const chosen = known.filter((result) => result.verdict === verdict);
  return verdict === undefined
    ? null
    : {
        verdict,
        since: Math.min(...chosen.map(({ since }) => since)),
        evidence: chosen.flatMap(({ evidence }) => evidence),
      };
}
