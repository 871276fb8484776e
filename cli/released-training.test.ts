import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { resolveInRoot } from "@/lib/paths.mjs";
import { applySettings } from "./lib/settings";

/**
 * The guide's command for a training as released, against the values of scripts/train/train_s3.sh over
 * verl/trainer/config/ppo_trainer.yaml at ba08d58, as the code makes of them.
 */

const guide = readFileSync(resolveInRoot("docs", "guides", "coming-from-upstream.md"), "utf8");
const [, command = ""] =
  /`npm run s3 -- launch --preset paper-full( --set [^`]+)`/.exec(guide) ?? [];
const assignments = [...command.matchAll(/--set (\S+)/g)].map(([, assignment]) => assignment!);
const base = findPreset("paper-full")!.config as Parameters<typeof applySettings>[0];
const config = trainConfigSchema.parse(applySettings(structuredClone(base), assignments));

/** By the rows of the table of upstream's behaviour; what only code decides has its test beside that code. */
const RELEASED: [row: string, expected: object][] = [
  ["algorithm", { rl: { algorithm: "ppo" } }],
  ["searcher", { searcher: { tuning: "full", model: "qwen2.5-7b-instruct" } }],
  ["critic", { rl: { critic: { kind: "model", model: null } } }],
  ["temperature", { rl: { temperature: 0.6 } }],
  ["top_p, top_k, repetition penalty", { rl: { topP: 0.95 } }],
  ["prompts a step, samples", { rl: { questionsPerStep: 120, groupSize: 1 } }],
  ["mini-batch, epochs", { rl: { miniBatch: 30, epochs: 1 } }],
  ["loss's mean", { rl: { normalisation: "token" } }],
  ["clip", { rl: { clip: 0.2, clipHigh: null } }],
  ["gamma, lambda", { rl: { gamma: 1, lambda: 1, whiten: true } }],
  ["value clip, factor", { rl: { critic: { valueClip: 0.5 } } }],
  [
    "reward",
    { reward: { weights: { upstream: 1, gbr: 0 }, scorer: "generation-accuracy/upstream" } },
  ],
  ["KL", { rl: { klCoefficient: 0.001, klEstimator: "k1", klIn: "reward", klTarget: null } }],
  ["entropy bonus", { rl: { entropyCoefficient: 0.001 } }],
  ["learning rate, policy*", { rl: { learningRate: 1e-6, lrWarmupSteps: 0 } }],
  ["learning rate, critic", { rl: { critic: { learningRate: 1e-5, lrWarmupSteps: 15 } } }],
  ["AdamW", { rl: { adamBeta2: 0.999, weightDecay: 0.01 } }],
  ["gradient clip", { rl: { gradientClip: 1 } }],
  ["old log-probabilities", { rl: { oldLogprobs: "trainer", overlap: false, resample: 0 } }],
  ["critic alone first", { rl: { critic: { warmupSteps: 0 } } }],
  ["length of training", { rl: { steps: 20 } }],
  ["lengths in tokens", { search: { turnTokens: 500 } }],
  ["a turn's text", { search: { turnTokens: 500, decoding: "free" } }],
  ["turns, documents", { search: { protocol: "upstream", turns: 3, retrieve: 8 } }],
  ["questions left out", { rl: { filterAnswered: true } }],
  [
    "generator",
    {
      generator: {
        model: "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4",
        promptStyle: "chat",
        ragDocuments: 3,
      },
    },
  ],
];

describe("training as the guide has it for released", () => {
  it.each(RELEASED)("has the released script's %s", (_, expected) =>
    expect(config).toMatchObject(expected),
  );

  it("has its other values by default", () => {
    // Left out where they are the default: a constant rate, betas[0] of 0.9, top-k and repetition penalty off.
    const { schedule, adamBeta1, topK, repetitionPenalty, critic } = config.rl;
    expect([schedule, adamBeta1, topK, repetitionPenalty, critic.schedule]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
