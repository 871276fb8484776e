import { COST_TERMS } from "@/core/glossary/cost-terms";
import { TERM_TITLES, type GlossaryTerm } from "@/core/glossary/term-titles";
import { GAIN_TERMS, SEARCH_TERMS, TRAINING_TERMS } from "@/core/glossary/training-terms";
import type { MetricName } from "@/core/metrics/metric-table";
import type { Scale } from "@/app/_charts/prepare/axes";
import type {
  LineChart,
  SeriesDefinition,
  StackChart,
} from "@/app/_charts/prepare/chart-definition";

/** Makers of definitions of charts. The same thing has the same colour on every chart. */
export const COLOUR = {
  s3: "var(--series-1)",
  reward: "var(--series-3)",
  rag: "var(--series-7)",
  gained: "var(--series-3)",
  lost: "var(--series-2)",
  "both-right": "var(--series-1)",
  "both-wrong": "var(--series-7)",
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
