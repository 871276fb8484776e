import { z } from "zod";
import { alarmNameSchema, type AlarmChange } from "@/contracts/records/alarms";
import { appendPoint, type MetricHistory } from "./metric-history";
import { RULES, type RunSettings } from "./rules";

const pointSchema = z.strictObject({ step: z.int().nonnegative(), value: z.number() });

/** What the alarms of a run know: kept in its checkpoints, so that a resumed run raises what an undisturbed one would. */
export const alarmStateSchema = z.strictObject({
  history: z.record(z.string(), z.array(pointSchema)),
  /** Alarms that are raised, with the good readings in a row since. */
  standing: z.partialRecord(alarmNameSchema, z.strictObject({ calm: z.int().nonnegative() })),
});
export type AlarmState = z.infer<typeof alarmStateSchema>;

export const INITIAL_ALARM_STATE: AlarmState = { history: {}, standing: {} };

const WATCHED_METRICS: ReadonlySet<string> = new Set(
  RULES.flatMap(({ metrics: on, alsoReads: beside = [] }) => [...on, ...beside]),
);

/**
 * Takes up the metrics of a step or an evaluation and reads the rules that they concern. Pure: the same metrics in the
 * same order give the same changes, whenever the run was interrupted.
 */
export function updateAlarms(
  state: AlarmState,
  values: Readonly<Partial<Record<string, number>>>,
  step: number,
  run: RunSettings,
): { state: AlarmState; changes: AlarmChange[] } {
  const history: Record<string, MetricHistory[string]> = { ...state.history };
  const seen = new Set<string>();
  for (const [metric, value] of Object.entries(values)) {
    if (value === undefined || !Number.isFinite(value) || !WATCHED_METRICS.has(metric)) continue;
    history[metric] = appendPoint(history[metric] ?? [], { step, value });
    seen.add(metric);
  }
  const standing = { ...state.standing };
  const changes: AlarmChange[] = [];
  for (const { name, metrics: on, clearAfter: calm, evaluate: read } of RULES) {
    if (!on.some((metric) => seen.has(metric))) continue;
    const reading = read(history, run);
    if (!reading) continue;
    const raised = standing[name];
    if (!raised && reading.verdict === "bad") {
      standing[name] = { calm: 0 };
      changes.push({ to: "raised", name, step, since: reading.since, evidence: reading.evidence });
    } else if (raised && reading.verdict !== "good") standing[name] = { calm: 0 };
    else if (raised && raised.calm + 1 < calm) standing[name] = { calm: raised.calm + 1 };
    else if (raised) {
      delete standing[name];
      changes.push({ to: "cleared", name, step });
    }
  }
  return { state: { history: history as AlarmState["history"], standing }, changes };
}
