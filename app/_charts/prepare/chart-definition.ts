import type { GlossaryTerm } from "@/core/glossary/term-titles";
import type { MetricName } from "@/core/metrics/metric-table";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Scale } from "./axes";
import type { Unit } from "./units";
import type { XName } from "./x-axis";

/** What a chart is: which metrics it shows, and how. Titles, explanations and labels are shown by `t(…)`. */

export interface SeriesDefinition {
  metric: string;
  label: string;
  colour: string;
  /** A line is dashed, a part of a stack hatched. */
  dashed?: boolean;
  dots?: boolean;
}

interface ChartBase {
  id: string;
  title: string;
  /** A person gave it its title, which stays as it was written. */
  hasOwnTitle?: boolean;
  /** One line: what it shows and what to look for. */
  explanation: string;
  /** Term of the glossary that it shows, for its formula and source. */
  term?: GlossaryTerm;
  unit: Unit;
  series: SeriesDefinition[];
  /** A metric that its series make up together: the chart shows it without a line of its own. */
  composes?: MetricName;
  /** Takes the width of two charts. */
  wide?: boolean;
  /** What the horizontal axis counts, where it is not the training step: such a chart has an axis of its own. */
  ownAxis?: XName;
  /** Shown only once a run has reported any of it. */
  isOptional?: boolean;
  /** For which training runs it is shown; absent: for all. */
  shown?: (config: TrainConfig) => boolean;
}
export interface LineChart extends ChartBase {
  kind: "lines";
  scale: Scale;
}
export interface StackChart extends ChartBase {
  kind: "stack";
  missing: "zero" | "drop";
  share?: boolean;
}
export type ChartDefinition = LineChart | StackChart;

export interface ChartGroup {
  title: string;
  charts: ChartDefinition[];
}

/** Every metric that the charts draw: what the page asks the server for. */
export const listMetrics = (groups: readonly ChartGroup[]): string[] => [
  ...new Set(groups.flatMap((g) => g.charts.flatMap((c) => c.series.map((s) => s.metric)))),
];
