import type { MetricPoint } from "@/contracts/records/metric-point";
import { hasOwnAxis } from "@/core/run/attempt-lineage";
import { groupBy } from "@/lib/group-by";
import type { MirrorTarget } from "./target";

/** Longest line of a log. */
const LONGEST = 10_000;

/** A step's metrics as verl prints them: `step:3 - actor/pg_loss:0.012 - reward/mean:0.250`. */
export const formatStepLine = (step: number, points: readonly MetricPoint[]): string =>
  [
    `step:${step}`,
    ...points
      .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
      .map(({ name, value }) => `${name}:${value.toFixed(3)}`),
  ].join(" - ");

/** Lines in the run's own log, one a step. What was said is not taken back: a resumed run says a step again, as verl does. */
export const createConsoleTarget = (): MirrorTarget => ({
  takes: "steps",
  takesBack: false,
  open: () => Promise.resolve({ lines: 0 }),
  append(place, _run, points) {
    const steps = groupBy(points, ({ name, step }) => `${hasOwnAxis(name)} ${step}`);
    const lines = [...steps.values()]
      .toSorted(([a], [b]) => a!.step - b!.step)
      .map((ofStep) => ({
        at: Math.max(...ofStep.map(({ at }) => at)),
        level: "info" as const,
        source: "console",
        message: formatStepLine(ofStep[0]!.step, ofStep).slice(0, LONGEST),
      }));
    return Promise.resolve({ place: { lines: Number(place.lines) + lines.length }, lines });
  },
  tell: () => Promise.resolve(),
  withdraw: () => Promise.resolve(),
  test: () => Promise.resolve(),
});
