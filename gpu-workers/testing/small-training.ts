import { existsSync } from "node:fs";
import { join } from "node:path";
import { ATLAS_DIR, getModelDir } from "@/lib/paths.mjs";
import { findPreset } from "@/core/presets/run-presets";
import { trainConfigSchema, type TrainConfig } from "@/contracts/run-config/train-config";

/** Whether the set-up has installed the default models and corpus. */
export const canTrainHere =
  existsSync(join(ATLAS_DIR, "train.jsonl")) &&
  existsSync(getModelDir("smollm2-135m-instruct")) &&
  existsSync(getModelDir("minilm"));
if (!canTrainHere)
  console.warn("skipped: the default model or Atlas is not installed (run the setup)");

/** The default preset, made small. Without the filter some groups vary from the start. */
export const smallTrainingConfig: TrainConfig = trainConfigSchema.parse({
  ...findPreset("atlas-smollm2-grpo")!.config,
  searcher: { model: "smollm2-135m-instruct", adapter: { rank: 4, alpha: 8, firstLayer: 27 } },
  coldStart: { demonstrations: 4, batchSize: 2, learningRate: 1e-3 },
  rl: {
    steps: 2,
    questionsPerStep: 4,
    groupSize: 4,
    temperature: 1.5,
    resample: 3,
    filterAnswered: false,
    learningRate: 1e-3,
    klCoefficient: 0.01,
  },
  evaluation: { every: 0, questions: 2 },
  checkpointing: { every: 1 },
});
