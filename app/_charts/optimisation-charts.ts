import type { TrainConfig } from "@/contracts/run-config/train-config";
import { isGrouped } from "@/contracts/run-config/algorithm";
import { COLOUR, defineLines, defineSeries, explain, type ChartGroup } from "./definitions";

const isPpo = ({ rl }: TrainConfig): boolean => rl.algorithm === "ppo";

/** How the optimiser does, and what a step costs. */
export const OPTIMISATION_CHARTS: readonly ChartGroup[] = [
  {
    title: "Optimisation",
    charts: [
      defineLines(
        "cold-start",
        "cold-start-loss",
        "positive",
        [defineSeries("cold-start/loss", "Loss")],
        { ownAxis: "batch", shown: ({ coldStart }) => coldStart.demonstrations > 0 },
      ),
      defineLines(
        "variance",
        "group-without-variance",
        "positive",
        [
          defineSeries("groups/without_variance", "Share of groups"),
          defineSeries("groups/resampled", "Resampled", 5),
        ],
        { shown: ({ rl }) => isGrouped(rl.algorithm) },
      ),
      defineLines("loss", "policy-loss", "free", [defineSeries("actor/pg_loss", "Loss")]),
      defineLines(
        "off-policy",
        "importance-ratio",
        "positive",
        [
          defineSeries("actor/ratio_max", "Ratio"),
          defineSeries("actor/off_policy_steps", "Steps off-policy", 5),
        ],
        { shown: ({ rl }) => rl.overlap },
      ),
      defineLines("kl", "kl", "free", [
        defineSeries("actor/kl_loss", "KL, in the loss"),
        defineSeries("critic/kl", "KL, in the reward", 6),
      ]),
      defineLines("mismatch", "sampler-mismatch", "positive", [
        defineSeries("mismatch/logprob_mean", "Mean"),
        defineSeries("mismatch/logprob_max", "Largest", 2),
      ]),
      defineLines("entropy", "entropy", "positive", [
        defineSeries("actor/entropy_loss", "Entropy"),
      ]),
      defineLines("gradient", "gradient-norm", "positive", [
        defineSeries("actor/grad_norm", "Norm"),
        defineSeries("actor/pg_clipfrac", "Clipped tokens", 2),
      ]),
    ],
  },
  {
    title: "Critic",
    charts: [
      defineLines("values", "values-and-returns", "free", [
        defineSeries("critic/values/mean", "Value, mean"),
        defineSeries("critic/returns/mean", "Return, mean", 3),
      ]),
      defineLines("explained-variance", "explained-variance", "free", [
        defineSeries("critic/vf_explained_var", "Explained"),
      ]),
      defineLines("value-loss", "value-loss", "positive", [
        defineSeries("critic/vf_loss", "Loss"),
        defineSeries("critic/vf_clipfrac", "Clipped tokens", 2),
      ]),
      defineLines("critic-gradient", "critic-gradient-norm", "positive", [
        defineSeries("critic/grad_norm", "Norm"),
      ]),
    ].map((chart) => ({ ...chart, shown: isPpo })),
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
          defineSeries("timing_s/gen", "Sampling"),
          defineSeries("timing_s/retrieve", "Retrieve", 6),
          defineSeries("timing_s/generator", "Generator", 5),
          defineSeries("timing_s/update_actor", "Searcher's update", 2),
          defineSeries("timing_s/update_critic", "Critic's update", "#b5546a"),
          defineSeries("timing_s/values", "Values", "#7a6fb0"),
          defineSeries("timing_s/ref", "Log-probabilities", "#5c8f8a"),
          defineSeries("timing_s/pool", "Naive RAG", 4),
          defineSeries("timing_s/testing", "Evaluation", 3),
          defineSeries("timing_s/save_checkpoint", "Checkpoint", "#a98467"),
          defineSeries("timing_s/other", "Other", COLOUR.rag),
        ],
      },
      defineLines(
        "retries",
        "failed-tries",
        "share",
        [defineSeries("generator/retries", "Failed", 2)],
        {
          shown: ({ generator, judge }) => generator.endpoint !== null || judge.endpoint !== null,
        },
      ),
      defineLines(
        "memory",
        "engine-memory",
        "positive",
        [defineSeries("memory/engine_peak_mb", "MiB")],
        { unit: "count" },
      ),
    ],
  },
];
