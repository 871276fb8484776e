import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { Quadrant } from "@/core/metrics/metric-definition";
import { GLOSSARY } from "@/core/glossary/glossary";
import { listQuadrantMetrics } from "@/core/metrics/metrics";
import { COLOUR, explain, type ChartGroup, type SeriesDefinition } from "./definitions";
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
  listQuadrantMetrics(prefix).map(({ quadrant, metric }) => ({
    metric,
    label: QUADRANT_LABELS[quadrant],
    colour: COLOUR[quadrant],
  }));
const TURN_COLOURS = [
  "var(--series-1)",
  "var(--series-6)",
  "var(--series-5)",
  "var(--series-2)",
  "var(--series-4)",
] as const;

/** Every chart of a training run. */
export const TRAIN_CHARTS: readonly ChartGroup[] = [
  {
    title: "Learning",
    charts: [
      {
        id: "reward",
        title: "Reward and held-out accuracy",
        explanation:
          "Training reward per step; the answer is right on held-out questions, greedy, against naive RAG on the same questions.",
        kind: "lines",
        scale: "share",
        unit: "number",
        wide: true,
        series: [
          { metric: "reward/mean", label: "Reward, training", colour: COLOUR.reward },
          { metric: "held-out/accuracy", label: "s3, held-out", colour: COLOUR.s3, dots: true },
          {
            metric: "held-out/rag_accuracy",
            label: "Naive RAG, held-out",
            colour: COLOUR.rag,
            dashed: true,
            dots: true,
          },
        ],
      },
      {
        id: "quadrants",
        title: "Gain Beyond RAG, held-out",
        explanation: explain("gain-beyond-rag").explanation,
        kind: "stack",
        missing: "drop",
        share: true,
        unit: "share",
        series: buildQuadrantSeries("held-out/"),
      },
    ],
  },
  {
    title: "Reward",
    charts: [
      {
        id: "reward-terms",
        ...explain("reward-terms"),
        kind: "lines",
        scale: "free",
        unit: "number",
        shown: (config) => countRewardTerms(config) > 1,
        series: [
          { metric: "reward/gbr", label: "GBR", colour: "var(--series-3)" },
          { metric: "reward/upstream", label: "Utility + generation", colour: "var(--series-4)" },
          { metric: "reward/accuracy", label: "Accuracy", colour: "var(--series-1)" },
          { metric: "reward/exact_match", label: "Exact match", colour: "var(--series-6)" },
          { metric: "reward/gold_recall", label: "Gold recall", colour: "var(--series-5)" },
          { metric: "reward/format", label: "Format", colour: "var(--series-7)" },
          { metric: "reward/length", label: "Length", colour: "var(--series-2)" },
          { metric: "reward/search", label: "Search", colour: "#a98467" },
        ],
      },
      {
        id: "outcomes",
        title: "Against naive RAG, training",
        explanation:
          "Share of episodes by who answers; the names are upstream's utility and generation.",
        kind: "stack",
        missing: "drop",
        share: true,
        unit: "share",
        series: buildQuadrantSeries("reward/"),
      },
    ],
  },
  {
    title: "Search",
    charts: [
      {
        id: "recall",
        ...explain("gold-found-and-kept"),
        kind: "lines",
        wide: true,
        scale: "share",
        unit: "share",
        series: [
          {
            metric: "search/gold_retrieved",
            label: "Retrieved, training",
            colour: "var(--series-6)",
          },
          {
            metric: "search/gold_selected",
            label: "Selected, training",
            colour: "var(--series-5)",
          },
          {
            metric: "held-out/gold_retrieved",
            label: "Retrieved, held-out",
            colour: "var(--series-1)",
            dots: true,
          },
          {
            metric: "held-out/gold_selected",
            label: "Selected, held-out",
            colour: "var(--series-2)",
            dots: true,
          },
        ],
      },
      {
        id: "recall-by-turn",
        ...explain("gold-found-by-turn"),
        kind: "lines",
        scale: "share",
        unit: "share",
        shown: ({ evaluation, search }) => evaluation.questions > 0 && search.turns > 0,
        series: TURN_COLOURS.map((colour, turn) => ({
          metric: `held-out/gold_recall/turn_${turn}` as const,
          label: `Turn ${turn}`,
          colour,
          dots: true,
        })),
      },
      {
        id: "effort",
        ...explain("search-effort"),
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "search/searches", label: "Searches, training", colour: "var(--series-6)" },
          { metric: "search/documents", label: "Documents, training", colour: "var(--series-5)" },
          {
            metric: "held-out/searches",
            label: "Searches, held-out",
            colour: "var(--series-1)",
            dots: true,
          },
          {
            metric: "held-out/documents",
            label: "Documents, held-out",
            colour: "var(--series-2)",
            dots: true,
          },
        ],
      },
      {
        id: "format",
        ...explain("format-error"),
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          {
            metric: "search/format_errors",
            label: "Errors per episode",
            colour: "var(--series-2)",
          },
          {
            metric: "search/implicit_selections",
            label: "Implicit selections",
            colour: "var(--series-5)",
          },
        ],
      },
      {
        id: "novelty",
        ...explain("novelty"),
        kind: "lines",
        scale: "share",
        unit: "share",
        series: [
          { metric: "search/new_documents", label: "New documents", colour: COLOUR.s3 },
          {
            metric: "search/redundant_queries",
            label: "Repeated queries",
            colour: "var(--series-2)",
          },
          {
            metric: "search/copied_question",
            label: "The question itself",
            colour: "var(--series-5)",
          },
        ],
      },
      {
        id: "length",
        ...explain("action-tokens"),
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "response_length/mean", label: "Mean", colour: COLOUR.s3 },
          { metric: "response_length/max", label: "Longest", colour: "var(--series-6)" },
        ],
      },
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
