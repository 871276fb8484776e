import { isGrouped } from "@/contracts/run-config/training";
import type { MetricName } from "@/core/metrics/metrics";
import type { TrainConfig } from "@/contracts/run-config/run-config";
import type { Scale } from "./prepare";
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

interface SeriesDefinition {
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
  /** Takes the width of two. */
  wide?: boolean;
  /** What the horizontal axis counts, where it is not the training step: such a chart has an axis of its own. */
  ownAxis?: string;
  /** For which training runs it has something to show; absent: for all. */
  shown?: (config: TrainConfig) => boolean;
}
export type ChartDefinition = ChartBase &
  ({ kind: "lines"; scale: Scale } | { kind: "stack"; missing: "zero" | "drop"; share?: boolean });

export interface ChartGroup {
  title: string;
  charts: ChartDefinition[];
}

const isPpo = ({ rl }: TrainConfig): boolean => rl.algorithm === "ppo";
const countRewardTerms = ({ reward: { weights } }: TrainConfig): number =>
  Object.values(weights).filter((weight) => weight !== 0).length;
const TURN_COLOURS = [
  "var(--series-1)",
  "var(--series-6)",
  "var(--series-5)",
  "var(--series-2)",
  "var(--series-4)",
] as const;

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
        explanation:
          "Who answers: s3 alone (gained), naive RAG alone (lost), both, neither. GBR = gained − lost.",
        kind: "stack",
        missing: "drop",
        share: true,
        unit: "share",
        series: [
          { metric: "held-out/both_right", label: "Both right", colour: COLOUR.bothRight },
          { metric: "held-out/gained", label: "Gained", colour: COLOUR.gained },
          { metric: "held-out/lost", label: "Lost", colour: COLOUR.lost },
          { metric: "held-out/both_wrong", label: "Both wrong", colour: COLOUR.bothWrong },
        ],
      },
    ],
  },
  {
    title: "Reward",
    charts: [
      {
        id: "reward-terms",
        title: "Terms of the reward",
        explanation: "What each term adds to the mean reward; a cost is below zero.",
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
        series: [
          { metric: "reward/utility_0_gen_1", label: "Both right", colour: COLOUR.bothRight },
          { metric: "reward/utility_1_gen_1", label: "Gained", colour: COLOUR.gained },
          { metric: "reward/utility_-1_gen_0", label: "Lost", colour: COLOUR.lost },
          { metric: "reward/utility_0_gen_0", label: "Both wrong", colour: COLOUR.bothWrong },
        ],
      },
    ],
  },
  {
    title: "Search",
    charts: [
      {
        id: "recall",
        title: "Gold documents found and kept",
        explanation:
          "Share of gold documents in any window, and handed to the generator. The space between is the selection's loss.",
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
        title: "Gold documents found by turn, held-out",
        explanation:
          "Share of gold documents in the windows up to each turn: what each search adds.",
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
        title: "Searches and documents per episode",
        explanation:
          "Searches after the question's own retrieval, and documents handed over: gains should not come from more of them alone.",
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
        title: "Format health",
        explanation:
          "Format errors per episode, and the share of turns without a selection of their own.",
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
        title: "New documents and repeated queries",
        explanation:
          "Documents of later windows that no earlier one held; queries that repeat an earlier one or the question.",
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
        title: "Action tokens per episode",
        explanation: "Tokens that the searcher wrote itself, mean and longest.",
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
  {
    title: "Optimisation",
    charts: [
      {
        id: "cold-start",
        title: "Cold-start loss",
        explanation:
          "Cross-entropy per action token on gold-path demonstrations, by batch, before reinforcement learning.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "batch",
        shown: ({ coldStart }) => coldStart.demonstrations > 0,
        series: [{ metric: "cold-start/loss", label: "Loss", colour: COLOUR.s3 }],
      },
      {
        id: "variance",
        title: "Groups without variance",
        explanation:
          "Groups whose samples all got the same reward give no gradient; resampled ones were drawn again.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        shown: ({ rl }) => isGrouped(rl.algorithm),
        series: [
          {
            metric: "groups/without_variance",
            label: "Share of groups",
            colour: "var(--series-1)",
          },
          { metric: "groups/resampled", label: "Resampled", colour: "var(--series-5)" },
        ],
      },
      {
        id: "loss",
        title: "Policy loss",
        explanation: "Per action token. Its size means little by itself; watch for jumps.",
        kind: "lines",
        scale: "free",
        unit: "number",
        series: [{ metric: "actor/pg_loss", label: "Loss", colour: COLOUR.s3 }],
      },
      {
        id: "off-policy",
        title: "Largest importance ratio",
        explanation:
          "Rollouts overlap the update, so episodes are of the weights one step before; far from 1 the update hardly corrects that.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        shown: ({ rl }) => rl.overlap,
        series: [
          { metric: "actor/ratio_max", label: "Ratio", colour: COLOUR.s3 },
          {
            metric: "actor/off_policy_steps",
            label: "Steps off-policy",
            colour: "var(--series-5)",
          },
        ],
      },
      {
        id: "kl",
        title: "KL to the reference",
        explanation:
          "How far the policy went from where reinforcement learning began, per action token.",
        kind: "lines",
        scale: "free",
        unit: "number",
        series: [
          { metric: "actor/kl_loss", label: "KL, in the loss", colour: COLOUR.s3 },
          { metric: "critic/kl", label: "KL, in the reward", colour: "var(--series-6)" },
        ],
      },
      {
        id: "mismatch",
        title: "Sampler against trainer",
        explanation:
          "Distance of their log-probabilities of the same token: large ones make the importance ratio wrong.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "mismatch/logprob_mean", label: "Mean", colour: COLOUR.s3 },
          { metric: "mismatch/logprob_max", label: "Largest", colour: "var(--series-2)" },
        ],
      },
      {
        id: "entropy",
        title: "Entropy",
        explanation: "Of the policy per action token; a fall to zero means it no longer explores.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [{ metric: "actor/entropy_loss", label: "Entropy", colour: COLOUR.s3 }],
      },
      {
        id: "gradient",
        title: "Gradient norm and clipping",
        explanation:
          "Norm before clipping: repeated peaks precede a collapse. Share of action tokens whose ratio was clipped.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "actor/grad_norm", label: "Norm", colour: COLOUR.s3 },
          { metric: "actor/pg_clipfrac", label: "Clipped tokens", colour: "var(--series-2)" },
        ],
      },
    ],
  },
  {
    title: "Critic",
    charts: [
      {
        id: "values",
        title: "Values and returns",
        explanation:
          "What the critic expected before the update, and what came: they should approach each other.",
        kind: "lines",
        scale: "free",
        unit: "number",
        shown: isPpo,
        series: [
          { metric: "critic/values/mean", label: "Value, mean", colour: COLOUR.s3 },
          { metric: "critic/returns/mean", label: "Return, mean", colour: COLOUR.reward },
        ],
      },
      {
        id: "explained-variance",
        title: "Explained variance",
        explanation:
          "Share of the returns' variance that the critic foresaw: 0 knows only the mean, below 0 is worse than that.",
        kind: "lines",
        scale: "free",
        unit: "number",
        shown: isPpo,
        series: [{ metric: "critic/vf_explained_var", label: "Explained", colour: COLOUR.s3 }],
      },
      {
        id: "value-loss",
        title: "Value loss",
        explanation:
          "Half the squared error per action token, and the share of tokens whose loss was clipped.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        shown: isPpo,
        series: [
          { metric: "critic/vf_loss", label: "Loss", colour: COLOUR.s3 },
          { metric: "critic/vf_clipfrac", label: "Clipped tokens", colour: "var(--series-2)" },
        ],
      },
      {
        id: "critic-gradient",
        title: "Critic's gradient norm",
        explanation: "Before clipping.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        shown: isPpo,
        series: [{ metric: "critic/grad_norm", label: "Norm", colour: COLOUR.s3 }],
      },
    ],
  },
  {
    title: "Cost",
    charts: [
      {
        id: "time",
        title: "Time per step",
        explanation: "Where each step's seconds went; a phase that did not happen takes none.",
        kind: "stack",
        missing: "zero",
        unit: "seconds",
        wide: true,
        series: [
          { metric: "timing_s/gen", label: "Sampling", colour: "var(--series-1)" },
          { metric: "timing_s/retrieve", label: "Retrieve", colour: "var(--series-6)" },
          { metric: "timing_s/generator", label: "Generator", colour: "var(--series-5)" },
          {
            metric: "timing_s/update_actor",
            label: "Searcher's update",
            colour: "var(--series-2)",
          },
          { metric: "timing_s/update_critic", label: "Critic's update", colour: "#b5546a" },
          { metric: "timing_s/values", label: "Values", colour: "#7a6fb0" },
          { metric: "timing_s/ref", label: "Log-probabilities", colour: "#5c8f8a" },
          { metric: "timing_s/pool", label: "Naive RAG", colour: "var(--series-4)" },
          { metric: "timing_s/testing", label: "Evaluation", colour: "var(--series-3)" },
          { metric: "timing_s/save_checkpoint", label: "Checkpoint", colour: "#a98467" },
          { metric: "timing_s/other", label: "Other", colour: COLOUR.rag },
        ],
      },
      {
        id: "retries",
        title: "Tries that failed",
        explanation:
          "Share of the tries at the endpoints of generator and judge that failed and were made again.",
        kind: "lines",
        scale: "share",
        unit: "share",
        shown: ({ generator, judge }) => generator.endpoint !== null || judge.endpoint !== null,
        series: [{ metric: "generator/retries", label: "Failed", colour: "var(--series-2)" }],
      },
      {
        id: "memory",
        title: "Peak memory of the engine",
        explanation:
          "In MiB, on its GPU, or on a CPU resident: growth from step to step is a leak.",
        kind: "lines",
        scale: "positive",
        unit: "count",
        series: [{ metric: "memory/engine_peak_mb", label: "MiB", colour: COLOUR.s3 }],
      },
    ],
  },
];

export const PREDICT_CHARTS: readonly ChartGroup[] = [
  {
    title: "Progress",
    charts: [
      {
        id: "predict-accuracy",
        title: "Running accuracy",
        explanation: "Share of the answered questions whose answer is right, so far.",
        kind: "lines",
        scale: "share",
        unit: "share",
        ownAxis: "question",
        wide: true,
        series: [{ metric: "predict/accuracy", label: "Accuracy", colour: COLOUR.s3 }],
      },
      {
        id: "predict-answered",
        title: "Questions answered",
        explanation: "How many questions have their episode, answer and score stored.",
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "question",
        series: [{ metric: "progress/answered", label: "Answered", colour: COLOUR.s3 }],
      },
    ],
  },
];

/** The charts that have something to show for a training run. */
export const selectTrainCharts = (config: TrainConfig): ChartGroup[] =>
  TRAIN_CHARTS.map((group) => ({
    ...group,
    charts: group.charts.filter(({ shown }) => shown?.(config) ?? true),
  })).filter(({ charts }) => charts.length > 0);

/** Every metric that the charts draw: what the page asks the server for. */
export const listMetrics = (groups: readonly ChartGroup[]): MetricName[] => [
  ...new Set(groups.flatMap((g) => g.charts.flatMap((c) => c.series.map((s) => s.metric)))),
];
