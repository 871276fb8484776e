import { z } from "zod";
import { scorerSchema } from "./scoring";
import { defineLaterSetting, defineSetting } from "./setting";

const weight = (fallback = 0) => z.number().min(-100).max(100).default(fallback);

export const rewardWeightsSchema = z
  .strictObject({
    gbr: defineSetting(
      weight(1),
      "Gain Beyond RAG",
      "Accuracy minus naive RAG's, with the same generator (paper, equation 1).",
      { paper: "1" },
    ),
    upstream: defineSetting(
      weight(),
      "Utility + generation",
      "The released code's reward: 2 x accuracy - naive RAG's.",
      { paper: "released code: 1" },
    ),
    accuracy: defineSetting(weight(), "Accuracy", "By the scorer, without naive RAG."),
    exactMatch: defineSetting(
      weight(),
      "Exact match",
      "The generator's answer equals a gold answer (SQuAD normalisation).",
    ),
    goldRecall: defineSetting(
      weight(),
      "Gold recall",
      "Share of gold documents handed to the generator; every training question must name some.",
    ),
    format: defineSetting(weight(), "Format", "1 for an episode without a format error, else 0."),
    length: defineSetting(
      weight(),
      "Length",
      "Cost of a thousand tokens that the searcher wrote; subtracted.",
    ),
    search: defineSetting(weight(), "Search", "Cost of each search after turn 0; subtracted."),
    overlong: defineLaterSetting(
      z.number().min(-100).max(100),
      0,
      "Soft overlong punishment",
      "0 up to four fifths of the tokens that an episode may write (free decoding: search.turnTokens a turn, the last selection included), then falling to -1 at all of them (DAPO).",
    ),
  })
  .prefault({})
  .meta({ title: "Weights", description: "Terms of the reward; 0: not used." });
export type RewardWeights = z.infer<typeof rewardWeightsSchema>;
export type RewardTerm = keyof RewardWeights;

export const rewardSchema = z
  .strictObject({ weights: rewardWeightsSchema, scorer: scorerSchema })
  .superRefine(({ weights }, context) => {
    if (Object.values(weights).every((w: number | undefined) => (w ?? 0) === 0))
      context.addIssue({
        code: "custom",
        path: ["weights", "gbr"],
        message: "every weight is 0, so nothing is rewarded: give one term a weight",
      });
  })
  .prefault({})
  .meta({
    title: "Reward",
    description: "What the searcher is rewarded for: a weighted sum of terms, each logged apart.",
  });
