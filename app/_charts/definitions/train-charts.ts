import { markText } from "@/app/_i18n/format-text";
import { isMetricMeasured } from "@/core/run/trained-method";
import { listUsedTerms } from "@/core/run/reward-terms";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { TERM_TITLES } from "@/core/glossary/term-titles";
import { QUADRANTS } from "@/core/metrics/metric-definition";
import {
  getHeadlineMetric,
  getMetricWithRole,
  getQuadrantMetrics,
  listMetricsWithRole,
} from "@/core/metrics/metrics";
import { COLOUR, defineLines, defineSeries, defineShares } from "./definitions";
import type {
  ChartDefinition,
  ChartGroup,
  SeriesDefinition,
} from "@/app/_charts/prepare/chart-definition";
import { OPTIMISATION_CHARTS } from "./optimisation-charts";

const countRewardTerms = ({ reward: { weights } }: TrainConfig): number =>
  listUsedTerms(weights).length;
/** Who answers, as a share of the questions. */
function buildQuadrantSeries(family: "reward" | "held-out"): SeriesDefinition[] {
  const metrics = getQuadrantMetrics(family);
  return QUADRANTS.map((quadrant) =>
    defineSeries(metrics[quadrant], TERM_TITLES[quadrant], COLOUR[quadrant]),
  );
}
/** Colours of the palette, by turn. */
const TURNS = [
  { colour: 1, label: markText("Turn 0") },
  { colour: 6, label: markText("Turn 1") },
  { colour: 5, label: markText("Turn 2") },
  { colour: 2, label: markText("Turn 3") },
  { colour: 4, label: markText("Turn 4") },
];
const DOTS = { dots: true };

/** Every chart of a training run. */
export const TRAIN_CHARTS: readonly ChartGroup[] = [
  {
    title: markText("Learning"),
    charts: [
      defineLines(
        "reward",
        "reward-and-accuracy",
        "share",
        [
          defineSeries(getHeadlineMetric("train"), markText("Reward, training"), COLOUR.reward),
          defineSeries(
            getMetricWithRole("outcome", "train"),
            markText("s3, held-out"),
            COLOUR.s3,
            DOTS,
          ),
          defineSeries(
            getMetricWithRole("reference", "train"),
            markText("Naive RAG, held-out"),
            COLOUR.rag,
            { dashed: true, dots: true },
          ),
        ],
        { unit: "number", wide: true },
      ),
      {
        ...defineShares("quadrants", "gain-beyond-rag", buildQuadrantSeries("held-out")),
        title: markText("Gain Beyond RAG, held-out"),
        composes: "held-out/gbr",
      },
    ],
  },
  {
    title: markText("Reward"),
    charts: [
      defineLines(
        "reward-terms",
        "reward-terms",
        "free",
        [
          defineSeries("reward/gbr", markText("GBR"), 3),
          defineSeries("reward/upstream", markText("Utility + generation"), 4),
          defineSeries("reward/accuracy", markText("Accuracy"), 1),
          defineSeries("reward/exact_match", markText("Exact match"), 6),
          defineSeries("reward/gold_recall", markText("Gold recall"), 5),
          defineSeries("reward/format", markText("Format"), 7),
          defineSeries("reward/length", markText("Length"), 2),
          defineSeries("reward/search", markText("Search"), 1, { dashed: true }),
          defineSeries("reward/overlong", markText("Overlong"), 2, { dashed: true }),
        ],
        { shown: (config) => countRewardTerms(config) > 1 },
      ),
      defineShares("outcomes", "training-outcomes", buildQuadrantSeries("reward")),
    ],
  },
  {
    title: markText("Search"),
    charts: [
      defineLines(
        "recall",
        "gold-found-and-kept",
        "share",
        [
          defineSeries("search/gold_retrieved", markText("Retrieved, training"), 6),
          defineSeries("search/gold_selected", markText("Selected, training"), 5),
          defineSeries("held-out/gold_retrieved", markText("Retrieved, held-out"), 1, DOTS),
          defineSeries("held-out/gold_selected", markText("Selected, held-out"), 2, DOTS),
        ],
        { wide: true },
      ),
      defineLines(
        "recall-by-turn",
        "gold-found-by-turn",
        "share",
        TURNS.map(({ colour, label }, turn) =>
          defineSeries(`held-out/gold_recall/turn_${turn}`, label, colour, DOTS),
        ),
        { shown: ({ evaluation, search }) => evaluation.questions > 0 && search.turns > 0 },
      ),
      defineLines("effort", "search-effort", "positive", [
        defineSeries("search/searches", markText("Searches, training"), 6),
        defineSeries("search/documents", markText("Documents, training"), 5),
        defineSeries("held-out/searches", markText("Searches, held-out"), 1, DOTS),
        defineSeries("held-out/documents", markText("Documents, held-out"), 2, DOTS),
      ]),
      defineLines("format", "format-error", "positive", [
        defineSeries("search/format_errors", markText("Errors per episode"), 2),
        defineSeries("search/implicit_selections", markText("Implicit selections"), 5),
      ]),
      defineLines("novelty", "novelty", "share", [
        defineSeries("search/new_documents", markText("New documents")),
        defineSeries("search/redundant_queries", markText("Repeated queries"), 2),
        defineSeries("search/copied_question", markText("The question itself"), 5),
      ]),
      defineLines("query-information", "query-information", "share", [
        defineSeries("search/query_information", markText("Information")),
      ]),
      defineLines("length", "action-tokens", "positive", [
        defineSeries("response_length/mean", markText("Mean")),
        defineSeries("response_length/max", markText("Longest"), 6),
      ]),
    ],
  },
  ...OPTIMISATION_CHARTS,
];

/** The charts that show a key metric, in the order of those metrics. */
const KEY_CHARTS: ReadonlySet<string> = new Set(
  listMetricsWithRole("key").flatMap((metric) =>
    TRAIN_CHARTS.flatMap(({ charts }) => charts)
      .filter(
        ({ composes, series }) =>
          composes === metric || series.some((drawn) => drawn.metric === metric),
      )
      .map(({ id }) => id),
  ),
);

/**
 * Groups without the optional charts that have nothing to show yet, and those charts without such series: of the ranks
 * that a chart could draw, only those that there are. @param reported names of metrics with a point
 */
export const hideUnreported = (
  groups: readonly ChartGroup[],
  reported: ReadonlySet<string>,
): ChartGroup[] =>
  groups
    .map((group) => ({
      ...group,
      charts: group.charts.flatMap((chart) => {
        if (!chart.isOptional) return [chart];
        const series = chart.series.filter(({ metric }) => reported.has(metric));
        return series.length > 0 ? [{ ...chart, series }] : [];
      }),
    }))
    .filter(({ charts }) => charts.length > 0);

/** Charts of which something was reported, by group, and those of which nothing was. */
export function splitEmptyCharts(
  groups: readonly ChartGroup[],
  reported: ReadonlySet<string>,
): { groups: ChartGroup[]; empty: ChartDefinition[] } {
  const isEmpty = ({ series }: ChartDefinition) =>
    series.every(({ metric }) => !reported.has(metric));
  return {
    groups: groups
      .map((group) => ({ ...group, charts: group.charts.filter((chart) => !isEmpty(chart)) }))
      .filter(({ charts }) => charts.length > 0),
    empty: groups.flatMap(({ charts }) => charts.filter(isEmpty)),
  };
}

/** The charts that have something to show for a training run, those of the key metrics first. */
export function selectTrainCharts(config: TrainConfig): ChartGroup[] {
  const shown = TRAIN_CHARTS.map((group) => ({
    ...group,
    charts: group.charts
      .filter((chart) => chart.shown?.(config) ?? true)
      .map((chart) => ({
        ...chart,
        series: chart.series.filter(({ metric }) => isMetricMeasured(metric, config)),
      }))
      .filter(({ series }) => series.length > 0),
  }));
  const all = shown.flatMap(({ charts }) => charts);
  const key = [...KEY_CHARTS].flatMap((id) => all.find((chart) => chart.id === id) ?? []);
  const others = shown.map((group) => ({
    ...group,
    charts: group.charts.filter(({ id }) => !KEY_CHARTS.has(id)),
  }));
  return [{ title: markText("Key metrics"), charts: key }, ...others].filter(
    ({ charts }) => charts.length > 0,
  );
}
