import { z } from "zod";
import { alarmNameSchema, type AlarmChange } from "@/contracts/records/alarms";
import { withPoint, type History } from "./metric-history";
import { RULES, type Circumstances } from "./rules";

const pointSchema = z.strictObject({ step: z.int().nonnegative(), value: z.number() });

/** What the alarms of a run know: kept in its checkpoints, so that a resumed run raises what an undisturbed one would. */
export const watchStateSchema = z.strictObject({
  history: z.record(z.string(), z.array(pointSchema)),
  /** Alarms that are raised, with the good readings in a row since. */
  standing: z.partialRecord(alarmNameSchema, z.strictObject({ calm: z.int().nonnegative() })),
});
export type WatchState = z.infer<typeof watchStateSchema>;

export const UNWATCHED: WatchState = { history: {}, standing: {} };

const WATCHED: ReadonlySet<string> = new Set(
  RULES.flatMap(({ on, beside = [] }) => [...on, ...beside]),
);

/**
 * Takes up the metrics of a step or an evaluation and reads the rules that they concern. Pure: the same metrics in the
 * same order give the same changes, whenever the run was interrupted.
 */
export function observe(
  state: WatchState,
  values: Readonly<Partial<Record<string, number>>>,
  step: number,
  run: Circumstances,
): { state: WatchState; changes: AlarmChange[] } {
  const history: Record<string, History[string]> = { ...state.history };
  const seen = new Set<string>();
  for (const [metric, value] of Object.entries(values)) {
    if (value === undefined || !Number.isFinite(value) || !WATCHED.has(metric)) continue;
    history[metric] = withPoint(history[metric] ?? [], { step, value });
    seen.add(metric);
  }
  const standing = { ...state.standing };
  const changes: AlarmChange[] = [];
  for (const { name, on, calm, read } of RULES) {
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
  return { state: { history: history as WatchState["history"], standing }, changes };
}
