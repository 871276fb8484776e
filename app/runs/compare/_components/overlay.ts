import type { LineSeries } from "@/app/_charts/line-plot";
import type { Scale } from "@/app/_charts/axes";
import type { Unit } from "@/app/_charts/units";
import type { Series } from "@/app/_lib/use-series";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import {
  findMetric,
  getHeadlineMetric,
  getMetricRange,
  listMetricsWithRole,
} from "@/core/metrics/metrics";
import { groupConfigs, type ConfigGroup } from "@/core/run/config-groups";
import { computeBand } from "@/core/statistics/mean-curve";

/** What the comparison draws of its runs. Pure. */

/** Points of each curve, however many there are, so that what else is shown changes none of them. */
export const CURVE_POINTS = 250;
const COLOURS = 7;
const DASHES = [false, true, "2 3", "8 3 2 3"] as const;

/** "each": every run alone. "config": runs whose configurations are the same apart from the seed. Else a setting's path. */
export type Grouping = string;

/** Runs that are drawn as one curve, with how it looks. */
export interface RunGroup extends ConfigGroup {
  colour: string;
  dashed: boolean | string;
}

/** Groups of runs in their order, each with a colour, and a dash pattern where the colours are used up. */
export function groupRuns(runs: readonly ComparedRun[], grouping: Grouping): RunGroup[] {
  const groups =
    grouping === "each"
      ? runs.map(({ id, name }, position) => ({ key: id, label: name, members: [position] }))
      : groupConfigs(runs, grouping === "config" ? null : grouping);
  return groups.map((group, i) => ({
    ...group,
    label: group.members.length > 1 ? `${group.label} (${group.members.length})` : group.label,
    colour: `var(--series-${(i % COLOURS) + 1})`,
    dashed: DASHES[Math.floor(i / COLOURS) % DASHES.length]!,
  }));
}

/** One curve a group: the run's own points, or the mean of its runs with their 95% interval. */
export const buildOverlay = (
  runs: readonly ComparedRun[],
  groups: readonly RunGroup[],
  series: Readonly<Record<string, Series>>,
  metric: string,
): LineSeries[] =>
  groups.flatMap(({ key, label, colour, dashed, members }): LineSeries[] => {
    const curves = members
      .map((member) => series[runs[member]!.id]?.[metric] ?? [])
      .filter((points) => points.length > 0);
    const [only] = curves;
    if (!only) return [];
    const style = { key, label, colour, dashed };
    if (members.length === 1) return [{ ...style, points: only }];
    const points = computeBand(curves, CURVE_POINTS, getMetricRange(metric)).map(
      ({ step, mean, low, high, stretch }) => ({
        step,
        value: mean,
        band: low === null || high === null ? null : ([low, high] as const),
        stretch,
      }),
    );
    return [{ ...style, points }];
  });

/** Charts that a comparison begins with. */
const FIRST_CHARTS = 6;

/**
 * The metrics that runs are compared by before anyone chooses: headlines and outcomes that any of them has. Runs that have
 * none of these (another trainer names its own) are seen in metrics that most of them reported.
 */
export function chooseMetrics(runs: readonly ComparedRun[]): string[] {
  const has = (name: string): boolean => runs.some(({ metrics }) => name in metrics);
  const vital = runs.flatMap(({ kind }) => [
    getHeadlineMetric(kind),
    ...listMetricsWithRole("outcome", kind),
    ...listMetricsWithRole("health", kind),
  ]);
  const known = [...new Set(vital)].filter(has);
  const others = runs.filter(({ metrics }) => !known.some((name) => name in metrics));
  const common = listCommonMetrics(others).slice(
    0,
    known.length === 0 ? FIRST_CHARTS : FIRST_CHARTS / 2,
  );
  return [...known.slice(0, FIRST_CHARTS - common.length), ...common];
}

/** What the names of rewards and scores hold, whatever the trainer. */
const OUTCOME = /reward|score|accuracy|success|return/i;

/** Metrics of runs, those first that more of them reported; then those of outcomes, then by name. */
function listCommonMetrics(runs: readonly ComparedRun[]): string[] {
  const count = (name: string): number => runs.filter(({ metrics }) => name in metrics).length;
  return listMetricNames(runs).toSorted(
    (a, b) => count(b) - count(a) || Number(OUTCOME.test(b)) - Number(OUTCOME.test(a)),
  );
}

/** Every metric that any of the runs reported, by name. */
export const listMetricNames = (runs: readonly ComparedRun[]): string[] =>
  [...new Set(runs.flatMap(({ metrics }) => Object.keys(metrics)))].sort();

/** Unit and scale of a metric's chart. */
export function findScale(metric: string): { scale: Scale; unit: Unit } {
  return findMetric(metric)?.unit === "share"
    ? { scale: "share", unit: "share" }
    : { scale: "free", unit: "number" };
}
