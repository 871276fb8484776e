import { createHash } from "node:crypto";
import type { DocumentText, EpisodeRecord } from "@/contracts/records/episode";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import type { ControlPlane } from "@/server/compose";

/** The configuration of a preset. */
export function getPresetConfig(id = "atlas-smollm2-grpo"): RunConfig {
  const preset = findPreset(id);
  if (!preset) throw new Error(`there is no preset ${id}`);
  return runConfigSchema.parse(preset.config);
}

export const buildDocument = (id: string): DocumentText => ({
  id,
  title: `Title ${id}`,
  text: `Text of ${id}.`,
  hash: createHash("sha256").update(`Title ${id}\nText of ${id}.`).digest("hex"),
});

/** Stores a corpus "atlas" of six documents and the sets "atlas/train" and "atlas/held-out" of eight questions. */
export async function storeSamples(plane: ControlPlane): Promise<void> {
  await plane.storedCorpora.store(
    "atlas",
    ["d0", "d1", "d2", "d3", "d4", "d5"].map(buildDocument),
    "test",
  );
  for (const set of ["atlas/train", "atlas/held-out"]) {
    const questions = Array.from({ length: 8 }, (_, i) => ({
      id: `q${i}`,
      question: `Question ${i} of ${set}?`,
      answers: [`answer ${i}`],
      goldIds: ["d0", "d1"],
      type: null,
      group: null,
      goldQueries: ["gold"],
    }));
    await plane.questionSets.store(set, questions, "test");
  }
}

/** An episode of two turns with every kind of step that a guided searcher makes. */
export function buildRecord(options: {
  step: number | null;
  question?: number;
  sample?: number;
  right?: boolean;
  baselineRight?: boolean;
  phase?: EpisodeRecord["phase"];
  reward?: number;
}): EpisodeRecord {
  const {
    step,
    question = 0,
    sample = 0,
    right = true,
    baselineRight = false,
    phase = "train",
  } = options;
  const ref = (id: string, score: number | null) => ({ id, hash: buildDocument(id).hash, score });
  const answer = (text: string, key: string) => ({
    key,
    generator: "smollm2-135m-instruct",
    promptStyle: "few-shot",
    text,
    seconds: 0.25,
    usage: { calls: 1, promptTokens: 90, completionTokens: 4, costUsd: null },
  });
  return {
    phase,
    step,
    episode: {
      key: `episode ${phase} ${step} ${question} ${sample}`,
      method: "s3",
      protocol: "paper",
      questionId: `q${question}`,
      sampleIndex: sample,
      steps: [
        {
          kind: "retrieve",
          turn: 0,
          seconds: 0.01,
          query: `Question ${question}`,
          documents: [ref("d0", 0.9), ref("d2", 0.5)],
        },
        { kind: "select", turn: 0, seconds: 0.5, selected: ["d0"], implicit: false },
        {
          kind: "generate",
          turn: 0,
          seconds: 0.5,
          text: "<query>…</query>",
          prompt: "Search.",
          promptTokens: 2,
          completionTokens: 1,
          ids: [1, 2, 3],
          mask: [1, 0, 1],
          logprobs: [-0.5, 0, -1.25],
        },
        { kind: "reject", turn: 0, seconds: 0, error: "invented-documents", text: "<information>" },
        {
          kind: "retrieve",
          turn: 1,
          seconds: 0.01,
          query: "second",
          documents: [ref("d1", 0.8), ref("d3", null)],
        },
        { kind: "select", turn: 1, seconds: 0.5, selected: ["d1"], implicit: false },
        { kind: "stop", turn: 1, seconds: 0, reason: "turns" },
      ],
      context: [ref("d0", 0.9), ref("d1", 0.8)],
      usage: { calls: 1, promptTokens: 120, completionTokens: 12, costUsd: 0.0005 },
    },
    answer: answer(right ? "right" : "wrong", `${question} ${right}`),
    score: { scorer: "span/2", value: right ? 1 : 0 },
    baseline: {
      context: [ref("d0", 0.9), ref("d2", 0.5)],
      answer: answer(baselineRight ? "right" : "naive", `rag ${question}`),
      score: { scorer: "span/2", value: baselineRight ? 1 : 0 },
    },
    reward: {
      name: "gbr",
      terms: [{ label: "accuracy", weight: 1, value: right ? 1 : 0 }],
      value: options.reward ?? (right ? 1 : 0) - (baselineRight ? 1 : 0),
    },
    advantage: 0.5,
    attribution: right ? "correct" : "generator-failed",
    formatErrors: ["invented-documents"],
  };
}

export const buildDocuments = (): DocumentText[] => ["d0", "d1", "d2", "d3"].map(buildDocument);
