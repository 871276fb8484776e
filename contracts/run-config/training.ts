import { z } from "zod";
import { inferenceSamplingFields } from "./sampling";
import { defineLaterSetting, defineSetting } from "./setting";

/** When a searcher is shown demonstrations, evaluated and saved. */

export const coldStartSchema = z
  .strictObject({
    demonstrations: defineSetting(
      z.int().min(0).max(100_000).default(0),
      "Demonstrations",
      "Gold paths shown before reinforcement learning, of `r1` and `sft` gold answers; 0: none. Paths need questions with gold documents and queries.",
      { paper: "0" },
    ),
    batchSize: defineSetting(
      z.int().min(1).max(1024).default(8),
      "Batch size",
      "Demonstrations per optimiser step.",
    ),
    learningRate: defineSetting(
      z.number().positive().max(1).default(1e-3),
      "Learning rate",
      "AdamW learning rate of the cold start.",
    ),
    schedule: defineSetting(
      z.enum(["constant", "linear"]).default("constant"),
      "Learning rate schedule",
      "linear: falls evenly from the learning rate towards 0 over the cold start.",
    ),
    validationQuestions: defineSetting(
      z.int().min(0).max(10_000).default(0),
      "Validation questions",
      "Training questions that are set apart, never shown and never trained on, to compare the cold start's weights by; the best go on. 0: the last weights go on.",
    ),
    validateEvery: defineSetting(
      z.int().min(1).max(10_000).default(6),
      "Validate every",
      "Compare the weights after every n batches of demonstrations, counted back from the last.",
    ),
  })
  .prefault({})
  .meta({
    title: "Cold start",
    description:
      "Supervised steps on demonstrations, so that a small model knows the form; all that `sft` learns from.",
  });

export const evaluationSchema = z
  .strictObject({
    every: defineSetting(
      z.int().min(0).max(100_000).default(5),
      "Evaluate every",
      "Held-out evaluation after every n steps; 0: only at the end.",
      { paper: "20" },
    ),
    questions: defineSetting(
      z.int().min(0).max(1_000_000).default(72),
      "Held-out questions",
      "How many held-out questions each evaluation asks; 0: none.",
    ),
    temperature: defineLaterSetting(
      z.number().min(0).max(2).nullable(),
      null,
      "Temperature",
      "Of the held-out episodes, 0: greedy; empty: as the protocol has it (`upstream` 0.6, with top p 0.95).",
      { paper: "0.6", advanced: true },
    ),
    ...inferenceSamplingFields,
  })
  .prefault({})
  .meta({
    title: "Evaluation",
    description: "Episodes on held-out questions, greedy unless set otherwise, beside naive RAG.",
  });

export const checkpointingSchema = z
  .strictObject({
    every: defineSetting(
      z.int().min(1).max(100_000).default(5),
      "Checkpoint every",
      "A checkpoint after every n steps, and at the end.",
      { paper: "20" },
    ),
    keep: defineSetting(
      z.int().min(1).max(1000).default(3),
      "Checkpoints kept",
      "Older ones are deleted; the last always stays.",
      { advanced: true },
    ),
  })
  .prefault({})
  .meta({
    title: "Checkpoints",
    description: "When the state is saved, so that the run can be resumed.",
  });
