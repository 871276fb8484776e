import { COST_TERMS } from "@/core/glossary/cost-terms";
import { TERM_TITLES, type GlossaryTerm } from "@/core/glossary/term-titles";
import { GAIN_TERMS, SEARCH_TERMS, TRAINING_TERMS } from "@/core/glossary/training-terms";
import type { MetricName } from "@/core/metrics/metric-table";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Scale } from "@/app/_charts/prepare/axes";
import type { Unit } from "@/app/_charts/prepare/units";
import type { XName } from "@/app/_charts/prepare/x-axis";

/** Which metrics a chart shows, and how. Titles, explanations and labels are shown by `t(…)`. The same thing has the same colour on every chart. */
export const COLOUR = {
  s3: "var(--series-1)",
  reward: "var(--series-3)",
  rag: "var(--series-7)",
  gained: "var(--series-3)",
  lost: "var(--series-2)",
  bothRight: "var(--series-1)",
  bothWrong: "var(--series-7)",
} as const;

/** Terms of the glossary that charts show. The whole glossary is loaded only where its entries are opened. */
const CHART_TERMS = { ...GAIN_TERMS, ...SEARCH_TERMS, ...TRAINING_TERMS, ...COST_TERMS };
type ChartTerm = keyof typeof CHART_TERMS;

/** Title and explanation of a chart that shows a term of the glossary. */
export const explain = (
  term: ChartTerm,
): { term: GlossaryTerm; title: string; explanation: string } => ({
  term,
  title: TERM_TITLES[term],
  explanation: CHART_TERMS[term].text,
});

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
  /** Takes the width of two charts. */
  wide?: boolean;
  /** What the horizontal axis counts, where it is not the training step: such a chart has an axis of its own. */
  ownAxis?: XName;
  /** Shown only once a run has reported any of it. */
  isOptional?: boolean;
  /** For which training runs it is shown; absent: for all. */
  shown?: (config: TrainConfig) => boolean;
}
interface LineChart extends ChartBase {
  kind: "lines";
  scale: Scale;
}
interface StackChart extends ChartBase {
  kind: "stack";
  missing: "zero" | "drop";
  share?: boolean;
}
export type ChartDefinition = LineChart | StackChart;

export interface ChartGroup {
  title: string;
  charts: ChartDefinition[];
}

/** A metric's curve. A number is a colour of the palette (1 is the searcher's). */
export const defineSeries = (
  metric: MetricName,
  label: string,
  colour: number | string = 1,
  style: Pick<SeriesDefinition, "dashed" | "dots"> = {},
): SeriesDefinition => ({
  metric,
  label,
  colour: typeof colour === "number" ? `var(--series-${colour})` : colour,
  ...style,
});

/** A chart of lines that shows a term of the glossary. */
export const defineLines = (
  id: string,
  term: ChartTerm,
  scale: Scale,
  series: SeriesDefinition[],
  rest: Partial<LineChart> = {},
): LineChart => ({
  id,
  ...explain(term),
  kind: "lines",
  scale,
  unit: scale === "share" ? "share" : "number",
  series,
  ...rest,
});

/** A chart of stacked shares that shows a term of the glossary: a step without all of them is left out. */
export const defineShares = (
  id: string,
  term: ChartTerm,
  series: SeriesDefinition[],
): StackChart => ({
  id,
  ...explain(term),
  kind: "stack",
  missing: "drop",
  share: true,
  unit: "share",
  series,
});

/** Every metric that the charts draw: what the page asks the server for. */
export const listMetrics = (groups: readonly ChartGroup[]): string[] => [
  ...new Set(groups.flatMap((g) => g.charts.flatMap((c) => c.series.map((s) => s.metric)))),
];
