import type { RunKind } from "@/contracts/records/run-state";
import { METRIC_FAMILIES } from "./metric-families";
import { METRICS, type MetricName } from "./metric-table";
import {
  QUADRANTS,
  type MetricDefinition,
  type MetricRole,
  type Quadrant,
} from "./metric-definition";

/** Choosing metrics by their roles, and what is known of one by its name. */

const DEFINITIONS = new Map<string, MetricDefinition>(Object.entries(METRICS));

/** The definition of a metric; null for a name that is not ours (an imported run's). */
export const findMetric = (name: string): MetricDefinition | null =>
  DEFINITIONS.get(name) ??
  Object.entries(METRIC_FAMILIES).find(([prefix]) => name.startsWith(prefix))?.[1] ??
  null;

/** Short name of a metric in lists. */
export const getMetricLabel = (name: string): string =>
  findMetric(name)?.label ?? name.slice(name.lastIndexOf("/") + 1);

/** Names of metrics whose least value is the best, by words in them: for metrics that are not ours. */
const LOWER_IS_BETTER =
  /loss|error|timing|latency|memory|lost|wrong|variance|clip|grad_norm|(^|[/_])kl($|[/_])|refused|redundant|implicit|waiting|mismatch/;

/** Which direction of a metric is better; null where neither is. For a name that is not ours, by the words in it. */
export function getBetterDirection(name: string): MetricDefinition["better"] {
  const metric = findMetric(name);
  if (metric) return metric.better;
  return LOWER_IS_BETTER.test(name) ? "lower" : "higher";
}

/** Whether the best value of a metric is its least. */
export const isLowerBetter = (name: string): boolean => getBetterDirection(name) === "lower";

/** Units whose values have no end above. */
const UNSIGNED: ReadonlySet<MetricDefinition["unit"]> = new Set([
  "count",
  "tokens",
  "seconds",
  "milliseconds",
  "perSecond",
  "mebibytes",
  "usDollars",
  "watts",
  "wattHours",
]);

/** What the values of a metric can be, by its unit. */
export function getMetricRange(name: string): readonly [number, number] {
  const unit = findMetric(name)?.unit ?? "number";
  if (unit === "share") return [0, 1];
  return [UNSIGNED.has(unit) ? 0 : -Infinity, Infinity];
}

/** Kinds of runs by the first part of the names of their metrics; all others are of training. */
const KIND_OF_PREFIX: Readonly<Record<string, RunKind>> = {
  predict: "predict",
  progress: "predict",
  judge: "predict",
  retrieval: "evaluate",
  serve: "serve",
  command: "command",
};
const getRunKind = (name: string): RunKind => KIND_OF_PREFIX[name.split("/", 1)[0]!] ?? "train";

/** Metrics with a role, in the order of the table; with `kind`, those that such runs report. */
export const listMetricsWithRole = (role: MetricRole, kind?: RunKind): MetricName[] =>
  [...DEFINITIONS].flatMap(([name, { roles }]) =>
    roles.includes(role) && (kind === undefined || getRunKind(name) === kind)
      ? [name as MetricName]
      : [],
  );

/** The first metric with a role that runs of a kind report. @throws Error where the table names none */
export function getMetricWithRole(role: MetricRole, kind: RunKind): MetricName {
  const [metric] = listMetricsWithRole(role, kind);
  if (metric === undefined) throw new Error(`No metric of ${kind} runs has the role ${role}.`);
  return metric;
}

/** The one number of a run in a list. A kind without a number of its own has that of training, which stays empty. */
export const getHeadlineMetric = (kind: RunKind): MetricName =>
  listMetricsWithRole("headline", kind)[0] ?? getMetricWithRole("headline", "train");

/** Metrics of the quadrants: of a training step's episodes ("reward") or of held-out questions. */
export function getQuadrantMetrics(
  family: "reward" | "held-out",
): Readonly<Record<Quadrant, MetricName>> {
  const find = (quadrant: Quadrant): MetricName => {
    const metric = listMetricsWithRole(quadrant).find((name) => name.startsWith(`${family}/`));
    if (metric === undefined) throw new Error(`No ${family} metric has the role ${quadrant}.`);
    return metric;
  };
  return Object.fromEntries(QUADRANTS.map((quadrant) => [quadrant, find(quadrant)])) as Record<
    Quadrant,
    MetricName
  >;
}

/** The metrics that a sweep's table begins with: the outcome, then the headline. Index runs report none. */
export const listSweepMetrics = (kind: RunKind): MetricName[] =>
  kind === "index" ? [] : [...listMetricsWithRole("outcome", kind), getHeadlineMetric(kind)];
