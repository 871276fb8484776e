import type { MetricName } from "@/contracts/metrics";
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
}
export type ChartDefinition = ChartBase & ({ kind: "lines"; scale: Scale } | { kind: "stack"; missing: "zero" | "drop"; share?: boolean });

export interface ChartGroup {
  title: string;
  charts: ChartDefinition[];
}

export const TRAIN_CHARTS: readonly ChartGroup[] = [
  {
    title: "Learning",
    charts: [
      {
        id: "reward",
        title: "Reward and held-out accuracy",
        explanation: "Training reward per step; the answer is right on held-out questions, greedy, against naive RAG on the same questions.",
        kind: "lines",
        scale: "share",
        unit: "number",
        wide: true,
        series: [
          { metric: "reward/mean", label: "Reward, training", colour: COLOUR.reward },
          { metric: "held-out/accuracy", label: "s3, held-out", colour: COLOUR.s3, dots: true },
          { metric: "held-out/rag_accuracy", label: "Naive RAG, held-out", colour: COLOUR.rag, dashed: true, dots: true },
        ],
      },
      {
        id: "quadrants",
        title: "Gain Beyond RAG, held-out",
        explanation: "Who answers: s3 alone (gained), naive RAG alone (lost), both, neither. GBR = gained − lost.",
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
    title: "Search",
    charts: [
      {
        id: "recall",
        title: "Gold documents found and kept",
        explanation: "Share of gold documents in any window, and handed to the generator. The space between is the selection's loss.",
        kind: "lines",
        wide: true,
        scale: "share",
        unit: "share",
        series: [
          { metric: "search/gold_retrieved", label: "Retrieved, training", colour: "var(--series-6)" },
          { metric: "search/gold_selected", label: "Selected, training", colour: "var(--series-5)" },
          { metric: "held-out/gold_retrieved", label: "Retrieved, held-out", colour: "var(--series-1)", dots: true },
          { metric: "held-out/gold_selected", label: "Selected, held-out", colour: "var(--series-2)", dots: true },
        ],
      },
      {
        id: "effort",
        title: "Searches and documents per episode",
        explanation: "Searches after the question's own retrieval, and documents handed over: gains should not come from more of them alone.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "search/searches", label: "Searches, training", colour: "var(--series-6)" },
          { metric: "search/documents", label: "Documents, training", colour: "var(--series-5)" },
          { metric: "held-out/searches", label: "Searches, held-out", colour: "var(--series-1)", dots: true },
          { metric: "held-out/documents", label: "Documents, held-out", colour: "var(--series-2)", dots: true },
        ],
      },
      {
        id: "format",
        title: "Format health",
        explanation: "Format errors per episode, and the share of turns without a selection of their own.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "search/format_errors", label: "Errors per episode", colour: "var(--series-2)" },
          { metric: "search/implicit_selections", label: "Implicit selections", colour: "var(--series-5)" },
        ],
      },
      {
        id: "novelty",
        title: "New documents in later windows",
        explanation: "Share that no earlier window held: near zero means it asks the same thing again.",
        kind: "lines",
        scale: "share",
        unit: "share",
        series: [{ metric: "search/new_documents", label: "New", colour: COLOUR.s3 }],
      },
      {
        id: "length",
        title: "Action tokens per episode",
        explanation: "Tokens that the searcher wrote itself.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [{ metric: "response_length/mean", label: "Tokens", colour: COLOUR.s3 }],
      },
    ],
  },
  {
    title: "Optimisation",
    charts: [
      {
        id: "cold-start",
        title: "Cold-start loss",
        explanation: "Cross-entropy per action token on gold-path demonstrations, by batch, before reinforcement learning.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "batch",
        series: [{ metric: "cold-start/loss", label: "Loss", colour: COLOUR.s3 }],
      },
      {
        id: "variance",
        title: "Groups without variance",
        explanation: "Groups whose samples all got the same reward give no gradient; resampled ones were drawn again.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "groups/without_variance", label: "Share of groups", colour: "var(--series-1)" },
          { metric: "groups/resampled", label: "Resampled", colour: "var(--series-5)" },
        ],
      },
      { id: "loss", title: "Policy loss", explanation: "Per action token. Its size means little by itself; watch for jumps.", kind: "lines", scale: "free", unit: "number", series: [{ metric: "actor/pg_loss", label: "Loss", colour: COLOUR.s3 }] },
      { id: "kl", title: "KL to the reference", explanation: "How far the policy went from where reinforcement learning began, per action token (k3).", kind: "lines", scale: "positive", unit: "number", series: [{ metric: "actor/kl", label: "KL", colour: COLOUR.s3 }] },
      { id: "entropy", title: "Entropy", explanation: "Of the policy per action token; a fall to zero means it no longer explores.", kind: "lines", scale: "positive", unit: "number", series: [{ metric: "actor/entropy", label: "Entropy", colour: COLOUR.s3 }] },
      {
        id: "gradient",
        title: "Gradient norm and clipping",
        explanation: "Norm before clipping: repeated peaks precede a collapse. Share of action tokens whose ratio was clipped.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [
          { metric: "actor/grad_norm", label: "Norm", colour: COLOUR.s3 },
          { metric: "actor/clip_fraction", label: "Clipped tokens", colour: "var(--series-2)" },
        ],
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
          { metric: "timing_s/rollout", label: "Rollout", colour: "var(--series-1)" },
          { metric: "timing_s/retrieve", label: "Retrieve", colour: "var(--series-6)" },
          { metric: "timing_s/generator", label: "Generator", colour: "var(--series-5)" },
          { metric: "timing_s/gradient", label: "Gradient", colour: "var(--series-2)" },
          { metric: "timing_s/pool", label: "Naive RAG", colour: "var(--series-4)" },
          { metric: "timing_s/evaluate", label: "Evaluation", colour: "var(--series-3)" },
          { metric: "timing_s/checkpoint", label: "Checkpoint", colour: "#a98467" },
          { metric: "timing_s/other", label: "Other", colour: COLOUR.rag },
        ],
      },
      {
        id: "memory",
        title: "Peak memory of the engine",
        explanation: "Resident memory in MiB: growth from step to step is a leak.",
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
      { id: "predict-accuracy", title: "Running accuracy", explanation: "Share of the answered questions whose answer is right, so far.", kind: "lines", scale: "share", unit: "share", ownAxis: "question", wide: true, series: [{ metric: "predict/accuracy", label: "Accuracy", colour: COLOUR.s3 }] },
      { id: "predict-answered", title: "Questions answered", explanation: "How many questions have their episode, answer and score stored.", kind: "lines", scale: "positive", unit: "count", ownAxis: "question", series: [{ metric: "progress/answered", label: "Answered", colour: COLOUR.s3 }] },
    ],
  },
];

export const SERVE_CHARTS: readonly ChartGroup[] = [
  {
    title: "Service",
    charts: [
      {
        id: "serve-latency",
        title: "Latency",
        explanation: "Milliseconds from a request to its answer, over the latest 1024 requests.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "second",
        series: [
          { metric: "serve/latency_ms_p50", label: "Median", colour: "var(--series-1)" },
          { metric: "serve/latency_ms_p99", label: "99th percentile", colour: "var(--series-2)" },
        ],
      },
      {
        id: "serve-load",
        title: "Load",
        explanation: "Requests and queries a second, and queries that wait: what waits longer and longer is too much.",
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "second",
        series: [
          { metric: "serve/requests_per_second", label: "Requests/s", colour: "var(--series-1)" },
          { metric: "serve/queries_per_second", label: "Queries/s", colour: "var(--series-6)" },
          { metric: "serve/waiting", label: "Waiting", colour: "var(--series-5)" },
        ],
      },
      {
        id: "serve-health",
        title: "Refused and failed",
        explanation: "Requests answered 503, and requests that were wrong or failed, since the report before.",
        kind: "lines",
        scale: "positive",
        unit: "count",
        ownAxis: "second",
        series: [
          { metric: "serve/refused", label: "Refused", colour: "var(--series-5)" },
          { metric: "serve/errors", label: "Errors", colour: "var(--series-2)" },
        ],
      },
      { id: "serve-memory", title: "Memory", explanation: "Resident memory of the process that serves, in MiB: steady growth is a leak.", kind: "lines", scale: "positive", unit: "count", ownAxis: "second", series: [{ metric: "serve/memory_mb", label: "MiB", colour: COLOUR.s3 }] },
    ],
  },
];

/** Of a served model: as a retriever's, with the tokens instead of the queries. */
export const SERVE_MODEL_CHARTS: readonly ChartGroup[] = SERVE_CHARTS.map((group) => ({
  ...group,
  charts: group.charts.map((chart) =>
    chart.id !== "serve-load"
      ? chart
      : {
          ...chart,
          explanation: "Requests and tokens a second, and requests that wait: what waits longer and longer is too much.",
          series: [
            { metric: "serve/requests_per_second", label: "Requests/s", colour: "var(--series-1)" },
            { metric: "serve/prompt_tokens_per_second", label: "Prompt tokens/s", colour: "var(--series-6)" },
            { metric: "serve/completion_tokens_per_second", label: "Written tokens/s", colour: "var(--series-3)" },
            { metric: "serve/waiting", label: "Waiting", colour: "var(--series-5)" },
          ],
        },
  ),
}));

/** Every metric that the charts draw: what the page asks the server for. */
export const metricsOf = (groups: readonly ChartGroup[]): MetricName[] => [...new Set(groups.flatMap((g) => g.charts.flatMap((c) => c.series.map((s) => s.metric))))];
