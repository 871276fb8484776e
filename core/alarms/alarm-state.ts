import { z } from "zod";
import { alarmNameSchema, type AlarmChange } from "@/contracts/records/alarms";
import { appendPoint, type MetricHistory } from "./metric-history";
import type { RunSettings } from "./alarm-rule";
import { RULES } from "./rules";

const pointSchema = z.strictObject({ step: z.int().nonnegative(), value: z.number() });

/** What the alarms of a run know. Stored in checkpoints, so that a resumed run raises the same alarms as an uninterrupted one. */
export const alarmStateSchema = z.strictObject({
  history: z.record(z.string(), z.array(pointSchema)),
  /** Raised alarms, each with the number of good results in a row since. */
  standing: z.partialRecord(alarmNameSchema, z.strictObject({ calm: z.int().nonnegative() })),
});
export type AlarmState = z.infer<typeof alarmStateSchema>;

export const INITIAL_ALARM_STATE: AlarmState = { history: {}, standing: {} };

const WATCHED_METRICS: ReadonlySet<string> = new Set(
  RULES.flatMap(({ metrics, alsoReads = [] }) => [...metrics, ...alsoReads]),
);

/**
 * Adds the metrics of a step or an evaluation to the history and evaluates the rules that read them. Pure: the same
 * metrics in the same order give the same changes, wherever the run was interrupted.
 */
export function updateAlarms(
  state: AlarmState,
  values: Readonly<Partial<Record<string, number>>>,
  step: number,
  run: RunSettings,
): { state: AlarmState; changes: AlarmChange[] } {
  const history: Record<string, MetricHistory[string]> = { ...state.history };
  const added = new Set<string>();
  for (const [metric, value] of Object.entries(values)) {
    if (value === undefined || !Number.isFinite(value) || !WATCHED_METRICS.has(metric)) continue;
    history[metric] = appendPoint(history[metric] ?? [], { step, value });
    added.add(metric);
  }
  const standing = { ...state.standing };
  const changes: AlarmChange[] = [];
  for (const { name, metrics, clearAfter, evaluate } of RULES) {
    if (!metrics.some((metric) => added.has(metric))) continue;
    const result = evaluate(history, run);
    if (!result) continue;
    const raised = standing[name];
    if (!raised && result.verdict === "bad") {
      standing[name] = { calm: 0 };
      changes.push({ to: "raised", name, step, since: result.since, evidence: result.evidence });
    } else if (raised && result.verdict !== "good") standing[name] = { calm: 0 };
    else if (raised && raised.calm + 1 < clearAfter) standing[name] = { calm: raised.calm + 1 };
    else if (raised) {
      delete standing[name];
      changes.push({ to: "cleared", name, step });
    }
  }
  return { state: { history: history as AlarmState["history"], standing }, changes };
}
