import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Quadrant } from "@/core/metrics/metric-definition";
import { GLOSSARY } from "@/core/glossary/glossary";
import { listQuadrantMetrics } from "@/core/metrics/metrics";
import {
  COLOUR,
  defineLines,
  defineSeries,
  defineShares,
  type ChartGroup,
  type SeriesDefinition,
} from "./definitions";
import { OPTIMISATION_CHARTS } from "./optimisation-charts";

const countRewardTerms = ({ reward: { weights } }: TrainConfig): number =>
  Object.values(weights).filter((weight) => weight !== 0).length;
const QUADRANT_LABELS: Readonly<Record<Quadrant, string>> = {
  bothRight: GLOSSARY["both-right"].title,
  gained: GLOSSARY.gained.title,
  lost: GLOSSARY.lost.title,
  bothWrong: GLOSSARY["both-wrong"].title,
};
/** Who answers, as a share of the questions with this prefix of metrics. */
const buildQuadrantSeries = (prefix: string): SeriesDefinition[] =>
  listQuadrantMetrics(prefix).map(({ quadrant, metric }) =>
    defineSeries(metric, QUADRANT_LABELS[quadrant], COLOUR[quadrant]),
  );
/** Colours of the palette, by turn. */
const TURN_COLOURS = [1, 6, 5, 2, 4];
const DOTS = { dots: true };

/** Every chart of a training run. */
export const TRAIN_CHARTS: readonly ChartGroup[] = [
  {
    title: "Learning",
    charts: [
      defineLines(
        "reward",
        "reward-and-accuracy",
        "share",
        [
          defineSeries("reward/mean", "Reward, training", COLOUR.reward),
          defineSeries("held-out/accuracy", "s3, held-out", COLOUR.s3, DOTS),
          defineSeries("held-out/rag_accuracy", "Naive RAG, held-out", COLOUR.rag, {
            dashed: true,
            dots: true,
          }),
        ],
        { unit: "number", wide: true },
      ),
      {
        ...defineShares("quadrants", "gain-beyond-rag", buildQuadrantSeries("held-out/")),
        title: `${GLOSSARY["gain-beyond-rag"].title}, held-out`,
      },
    ],
  },
  {
    title: "Reward",
    charts: [
      defineLines(
        "reward-terms",
        "reward-terms",
        "free",
        [
          defineSeries("reward/gbr", "GBR", 3),
          defineSeries("reward/upstream", "Utility + generation", 4),
          defineSeries("reward/accuracy", "Accuracy", 1),
          defineSeries("reward/exact_match", "Exact match", 6),
          defineSeries("reward/gold_recall", "Gold recall", 5),
          defineSeries("reward/format", "Format", 7),
          defineSeries("reward/length", "Length", 2),
          defineSeries("reward/search", "Search", "#a98467"),
        ],
        { shown: (config) => countRewardTerms(config) > 1 },
      ),
      defineShares("outcomes", "training-outcomes", buildQuadrantSeries("reward/")),
    ],
  },
  {
    title: "Search",
    charts: [
      defineLines(
        "recall",
        "gold-found-and-kept",
        "share",
        [
          defineSeries("search/gold_retrieved", "Retrieved, training", 6),
          defineSeries("search/gold_selected", "Selected, training", 5),
          defineSeries("held-out/gold_retrieved", "Retrieved, held-out", 1, DOTS),
          defineSeries("held-out/gold_selected", "Selected, held-out", 2, DOTS),
        ],
        { wide: true },
      ),
      defineLines(
        "recall-by-turn",
        "gold-found-by-turn",
        "share",
        TURN_COLOURS.map((colour, turn) =>
          defineSeries(`held-out/gold_recall/turn_${turn}`, `Turn ${turn}`, colour, DOTS),
        ),
        { shown: ({ evaluation, search }) => evaluation.questions > 0 && search.turns > 0 },
      ),
      defineLines("effort", "search-effort", "positive", [
        defineSeries("search/searches", "Searches, training", 6),
        defineSeries("search/documents", "Documents, training", 5),
        defineSeries("held-out/searches", "Searches, held-out", 1, DOTS),
        defineSeries("held-out/documents", "Documents, held-out", 2, DOTS),
      ]),
      defineLines("format", "format-error", "positive", [
        defineSeries("search/format_errors", "Errors per episode", 2),
        defineSeries("search/implicit_selections", "Implicit selections", 5),
      ]),
      defineLines("novelty", "novelty", "share", [
        defineSeries("search/new_documents", "New documents"),
        defineSeries("search/redundant_queries", "Repeated queries", 2),
        defineSeries("search/copied_question", "The question itself", 5),
      ]),
      defineLines("length", "action-tokens", "positive", [
        defineSeries("response_length/mean", "Mean"),
        defineSeries("response_length/max", "Longest", 6),
      ]),
    ],
  },
  ...OPTIMISATION_CHARTS,
];

/** The charts that have something to show for a training run. */
export const selectTrainCharts = (config: TrainConfig): ChartGroup[] =>
  TRAIN_CHARTS.map((group) => ({
    ...group,
    charts: group.charts.filter(({ shown }) => shown?.(config) ?? true),
  })).filter(({ charts }) => charts.length > 0);
