import { z } from "zod";
import { defineLaterSetting, defineSetting } from "./setting";

export const criticSchema = z
  .strictObject({
    kind: defineSetting(
      z.enum(["adapter", "model"]).default("adapter"),
      "Critic",
      "`adapter`: a second adapter with a value head on the searcher's own base, which is held once; `model`: a model of its own, whose weights are trained (of the searcher's own model from adapter.firstLayer up).",
      { paper: "model" },
    ),
    model: defineSetting(
      z.string().min(1).nullable().default(null),
      "Critic's model",
      "Only with `model`; empty: the searcher's.",
      { paper: "the searcher's", advanced: true },
    ),
    learningRate: defineSetting(
      z.number().positive().max(1).default(1e-3),
      "Critic's learning rate",
      "AdamW learning rate of the critic.",
      { paper: "1e-5" },
    ),
    lrWarmupSteps: defineLaterSetting(
      z.int().min(0).max(100_000).nullable(),
      null,
      "Critic's warm-up",
      "Steps in which the critic's learning rate rises linearly to its value; empty: as the searcher's.",
      { paper: "1% of the steps", advanced: true },
    ),
    schedule: defineLaterSetting(
      z.enum(["as-searcher", "constant", "cosine", "linear"]),
      "as-searcher",
      "Critic's schedule",
      "Of the critic's learning rate after its warm-up.",
      { paper: "constant", advanced: true },
    ),
    warmupSteps: defineSetting(
      z.int().min(0).max(100_000).default(0),
      "Critic-only steps",
      "In the first n steps only the critic learns.",
      { paper: "0", advanced: true },
    ),
    valueClip: defineSetting(
      z.number().positive().max(1000).nullable().default(0.5),
      "Value clip",
      "How far a value may move from the old one before its loss is cut; empty: not clipped.",
      { paper: "0.5", advanced: true },
    ),
  })
  .prefault({})
  .meta({ title: "Critic", description: "What estimates the value of a state (PPO)." });
