import type { TrainConfig } from "@/contracts/run-config/train-config";
import { isGrouped } from "@/contracts/run-config/algorithm";
import { COLOUR, explain, type ChartGroup } from "./definitions";

const isPpo = ({ rl }: TrainConfig): boolean => rl.algorithm === "ppo";

/** How the optimiser does, and what a step costs. */
export const OPTIMISATION_CHARTS: readonly ChartGroup[] = [
  {
    title: "Optimisation",
    charts: [
      {
        id: "cold-start",
        ...explain("cold-start-loss"),
        kind: "lines",
        scale: "positive",
        unit: "number",
        ownAxis: "batch",
        shown: ({ coldStart }) => coldStart.demonstrations > 0,
        series: [{ metric: "cold-start/loss", label: "Loss", colour: COLOUR.s3 }],
      },
      {
        id: "variance",
        ...explain("group-without-variance"),
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
        ...explain("policy-loss"),
        kind: "lines",
        scale: "free",
        unit: "number",
        series: [{ metric: "actor/pg_loss", label: "Loss", colour: COLOUR.s3 }],
      },
      {
        id: "off-policy",
        ...explain("importance-ratio"),
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
        ...explain("kl"),
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
        ...explain("sampler-mismatch"),
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
        ...explain("entropy"),
        kind: "lines",
        scale: "positive",
        unit: "number",
        series: [{ metric: "actor/entropy_loss", label: "Entropy", colour: COLOUR.s3 }],
      },
      {
        id: "gradient",
        ...explain("gradient-norm"),
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
        ...explain("values-and-returns"),
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
        ...explain("explained-variance"),
        kind: "lines",
        scale: "free",
        unit: "number",
        shown: isPpo,
        series: [{ metric: "critic/vf_explained_var", label: "Explained", colour: COLOUR.s3 }],
      },
      {
        id: "value-loss",
        ...explain("value-loss"),
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
        ...explain("critic-gradient-norm"),
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
        ...explain("time-per-step"),
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
        ...explain("failed-tries"),
        kind: "lines",
        scale: "share",
        unit: "share",
        shown: ({ generator, judge }) => generator.endpoint !== null || judge.endpoint !== null,
        series: [{ metric: "generator/retries", label: "Failed", colour: "var(--series-2)" }],
      },
      {
        id: "memory",
        ...explain("engine-memory"),
        kind: "lines",
        scale: "positive",
        unit: "count",
        series: [{ metric: "memory/engine_peak_mb", label: "MiB", colour: COLOUR.s3 }],
      },
    ],
  },
];
