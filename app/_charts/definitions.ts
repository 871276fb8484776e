import { GLOSSARY, type GlossaryTerm } from "@/core/glossary/glossary";
import type { MetricName } from "@/core/metrics/metric-table";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Scale } from "./axes";
import type { Unit } from "./units";

/** Which metrics a chart shows, and how. The same thing has the same colour on every chart. */
export const COLOUR = {
  s3: "var(--series-1)",
  reward: "var(--series-3)",
  rag: "var(--series-7)",
  gained: "var(--series-3)",
  lost: "var(--series-2)",
  bothRight: "var(--series-1)",
  bothWrong: "var(--series-7)",
} as const;

export /** Title and explanation of a chart that shows a term of the glossary. */
const explain = (term: GlossaryTerm): { title: string; explanation: string } => ({
  title: GLOSSARY[term].title,
  explanation: GLOSSARY[term].text,
});

export interface SeriesDefinition {
  metric: MetricName;
  label: string;
  colour: string;
  dashed?: boolean;
  dots?: boolean;
}

interface ChartBase {
  id: string;
  title: string;
  /** One line: what it shows and what to look for. */
  explanation: string;
  unit: Unit;
  series: SeriesDefinition[];
  /** Takes the width of two charts. */
  wide?: boolean;
  /** What the horizontal axis counts, where it is not the training step: such a chart has an axis of its own. */
  ownAxis?: string;
  /** For which training runs it is shown; absent: for all. */
  shown?: (config: TrainConfig) => boolean;
}
export type ChartDefinition = ChartBase &
  ({ kind: "lines"; scale: Scale } | { kind: "stack"; missing: "zero" | "drop"; share?: boolean });

export interface ChartGroup {
  title: string;
  charts: ChartDefinition[];
}

/** Every metric that the charts draw: what the page asks the server for. */
export const listMetrics = (groups: readonly ChartGroup[]): MetricName[] => [
  ...new Set(groups.flatMap((g) => g.charts.flatMap((c) => c.series.map((s) => s.metric)))),
];
