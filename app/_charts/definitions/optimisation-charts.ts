import { markText } from "@/app/_i18n/format-text";
import { HARDWARE_CHARTS } from "./hardware-charts";
import { RANK_CHARTS } from "./rank-charts";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import { isGrouped } from "@/contracts/run-config/algorithm-names";
import { COLOUR, defineLines, defineSeries, explain } from "./definitions";
import type { ChartGroup } from "@/app/_charts/prepare/chart-definition";

/** The second part of a stack in a colour. */
const HATCHED = { dashed: true };

const isPpo = ({ rl }: TrainConfig): boolean => rl.algorithm === "ppo";

/** How the optimiser does, and what a step costs. */
export const OPTIMISATION_CHARTS: readonly ChartGroup[] = [
  {
    title: markText("Optimisation"),
    charts: [
      defineLines(
        "cold-start",
        "cold-start-loss",
        "positive",
        [defineSeries("cold-start/loss", markText("Loss"))],
        { ownAxis: "batch", shown: ({ coldStart }) => coldStart.demonstrations > 0 },
      ),
      defineLines(
        "cold-start-validation",
        "cold-start-validation",
        "share",
        [defineSeries("cold-start/validation_accuracy", markText("Accuracy"))],
        { ownAxis: "batch", shown: ({ coldStart }) => coldStart.validationQuestions > 0 },
      ),
      defineLines(
        "variance",
        "group-without-variance",
        "positive",
        [
          defineSeries("groups/without_variance", markText("Share of groups")),
          defineSeries("groups/dead_questions", markText("Dead questions"), 2),
          defineSeries("groups/resampled", markText("Resampled"), 5),
        ],
        { shown: ({ rl }) => isGrouped(rl.algorithm) || rl.groupSize > 1 },
      ),
      defineLines("loss", "policy-loss", "free", [defineSeries("actor/pg_loss", markText("Loss"))]),
      defineLines(
        "off-policy",
        "importance-ratio",
        "positive",
        [
          defineSeries("actor/ratio_max", markText("Ratio")),
          defineSeries("actor/off_policy_steps", markText("Steps off-policy"), 5),
        ],
        { shown: ({ rl }) => rl.overlap },
      ),
      defineLines("kl", "kl", "free", [
        defineSeries("actor/kl_loss", markText("KL, in the loss")),
        defineSeries("critic/kl", markText("KL, in the reward"), 6),
      ]),
      defineLines("mismatch", "sampler-mismatch", "positive", [
        defineSeries("mismatch/logprob_mean", markText("Mean")),
        defineSeries("mismatch/logprob_max", markText("Largest"), 2),
      ]),
      defineLines("entropy", "entropy", "positive", [
        defineSeries("actor/entropy_loss", markText("Entropy")),
      ]),
      defineLines("positive-logprob", "likelihood-of-good-episodes", "free", [
        defineSeries("actor/positive_logprob", markText("Log-probability"), 3),
      ]),
      defineLines("gradient", "gradient-norm", "positive", [
        defineSeries("actor/grad_norm", markText("Norm")),
        defineSeries("actor/pg_clipfrac", markText("Clipped tokens"), 2),
      ]),
    ],
  },
  {
    title: markText("Critic"),
    charts: [
      defineLines("values", "values-and-returns", "free", [
        defineSeries("critic/values/mean", markText("Value, mean")),
        defineSeries("critic/returns/mean", markText("Return, mean"), 3),
      ]),
      defineLines("explained-variance", "explained-variance", "free", [
        defineSeries("critic/vf_explained_var", markText("Explained")),
      ]),
      defineLines("value-loss", "value-loss", "positive", [
        defineSeries("critic/vf_loss", markText("Loss")),
        defineSeries("critic/vf_clipfrac", markText("Clipped tokens"), 2),
      ]),
      defineLines("critic-gradient", "critic-gradient-norm", "positive", [
        defineSeries("critic/grad_norm", markText("Norm")),
      ]),
    ].map((chart) => ({ ...chart, shown: isPpo })),
  },
  {
    title: markText("Cost"),
    charts: [
      {
        id: "time",
        ...explain("time-per-step"),
        kind: "stack",
        missing: "zero",
        unit: "seconds",
        composes: "timing_s/step",
        wide: true,
        series: [
          defineSeries("timing_s/gen", markText("Sampling")),
          defineSeries("timing_s/retrieve", markText("Retrieve"), 6),
          defineSeries("timing_s/generator", markText("Generator"), 5),
          defineSeries("timing_s/update_actor", markText("Searcher's update"), 2),
          defineSeries("timing_s/update_critic", markText("Critic's update"), 1, HATCHED),
          defineSeries("timing_s/values", markText("Values"), 6, HATCHED),
          defineSeries("timing_s/ref", markText("Log-probabilities"), 5, HATCHED),
          defineSeries("timing_s/pool", markText("Naive RAG"), 4),
          defineSeries("timing_s/testing", markText("Evaluation"), 3),
          defineSeries("timing_s/save_checkpoint", markText("Checkpoint"), 2, HATCHED),
          defineSeries("timing_s/other", markText("Other"), COLOUR.rag),
        ],
      },
      defineLines(
        "retries",
        "failed-tries",
        "share",
        [defineSeries("generator/retries", markText("Failed"), 2)],
        {
          shown: ({ generator, judge }) => generator.endpoint !== null || judge.endpoint !== null,
        },
      ),
      defineLines(
        "memory",
        "engine-memory",
        "positive",
        [defineSeries("memory/engine_peak_mb", markText("MiB"))],
        { unit: "count" },
      ),
      ...RANK_CHARTS,
      ...HARDWARE_CHARTS,
      defineLines(
        "endpoint-cost",
        "endpoint-cost",
        "positive",
        [defineSeries("endpoint/cost_usd", markText("US dollars"), 5)],
        { isOptional: true },
      ),
    ],
  },
];
