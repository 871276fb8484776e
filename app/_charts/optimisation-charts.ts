import type { TrainConfig } from "@/contracts/run-config/run-config";
import { isGrouped } from "@/contracts/run-config/training";
import { COLOUR, type ChartGroup } from "./definitions";

const isPpo = ({ rl }: TrainConfig): boolean => rl.algorithm === "ppo";

/** How the optimiser does, and what a step costs. */
export const OPTIMISATION_CHARTS: readonly ChartGroup[] = [
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
