import { getSeriesColour, SERIES_COLOURS } from "@/app/_charts/prepare/series-colour";
import type { Scale } from "@/app/_charts/prepare/axes";
import type { LineGroup } from "@/app/_charts/prepare/run-lines";
import { formatShortId } from "@/app/_lib/format/format";
import type { Unit } from "@/app/_charts/prepare/units";
import type { ComparedRun } from "@/contracts/api/run-comparison";
import { findMetric, getHeadlineMetric, listMetricsWithRole } from "@/core/metrics/metrics";
import { groupConfigs, type ConfigGroup } from "@/core/run/config-groups";

/** What the comparison draws of its runs. Pure. */

const DASHES = [false, true, "2 3", "8 3 2 3"] as const;

/** "each": every run alone. "config": runs whose configurations are the same apart from the seed. Else a setting's path. */
export type Grouping = string;

/** Runs that are drawn as one curve, with how it looks. */
export interface RunGroup extends ConfigGroup {
  colour: string;
  dashed: boolean | string;
}

/**
 * Groups of runs in their order, each with a colour, and a dash pattern where the colours are used up. Where several
 * have one label, as runs of one name, each has its first run's short id behind it.
 */
export function groupRuns(runs: readonly ComparedRun[], grouping: Grouping): RunGroup[] {
  const groups =
    grouping === "each"
      ? runs.map(({ id, name }, position) => ({ key: id, label: name, members: [position] }))
      : groupConfigs(runs, grouping === "config" ? null : grouping);
  const isShared = ({ label }: ConfigGroup): boolean =>
    groups.filter((other) => other.label === label).length > 1;
  return groups.map((group, i) => ({
    ...group,
    label: isShared(group)
      ? `${group.label} ${formatShortId(runs[group.members[0]!]!.id)}`
      : group.label,
    colour: getSeriesColour(i),
    dashed: DASHES[Math.floor(i / SERIES_COLOURS) % DASHES.length]!,
  }));
}

/** The groups as the charts draw them. */
export const listLineGroups = (
  runs: readonly ComparedRun[],
  groups: readonly RunGroup[],
): LineGroup[] =>
  groups.map(({ key, label, colour, dashed, members }) => ({
    key,
    label,
    colour,
    dashed,
    runIds: members.map((member) => runs[member]!.id),
  }));

/** Charts that a comparison begins with. */
const FIRST_CHARTS = 6;

/**
 * The metrics that runs are compared by before anyone chooses: headlines and outcomes that any of them has. Runs that have
 * none of these (another trainer names its own) are seen in metrics that most of them reported.
 */
export function chooseMetrics(runs: readonly ComparedRun[]): string[] {
  const has = (name: string): boolean => runs.some(({ metrics }) => name in metrics);
  const first = runs.flatMap(({ kind }) => [
    getHeadlineMetric(kind),
    ...listMetricsWithRole("outcome", kind),
    ...listMetricsWithRole("health", kind),
  ]);
  const known = [...new Set(first)].filter(has);
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
