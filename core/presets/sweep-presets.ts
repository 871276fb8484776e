import { findPreset } from "./run-presets";
import { assignSettings } from "@/core/run/assign-settings";
import type { SweepSpecInput } from "@/contracts/run-config/sweep";

export interface SweepPreset {
  id: string;
  title: string;
  /** What it compares, in a sentence. */
  description: string;
  spec: SweepSpecInput;
}

/** A run preset with settings changed, as a sweep's base. */
function buildBase(preset: string, changes: Record<string, unknown>): SweepSpecInput["base"] {
  const config = findPreset(preset)?.config;
  if (!config) throw new Error(`there is no preset ${preset}`);
  return assignSettings(
    config,
    Object.entries(changes).map(([path, value]) => ({ path, value })),
  ) as SweepSpecInput["base"];
}

export const SWEEP_PRESETS: readonly SweepPreset[] = [
  {
    id: "atlas-ablation",
    title: "Ablation on Atlas",
    description:
      "Six short runs under PPO on the unfiltered pool: GBR's reward against upstream's and exact match, with and without a cold start, one turn and two.",
    spec: {
      mode: "list",
      name: "Ablation, Atlas, PPO",
      base: buildBase("atlas-smollm2", {
        "coldStart.demonstrations": 64,
        // Naive RAG's accuracy is 0 in the filtered pool, where GBR and exact match would be one.
        "rl.filterAnswered": false,
        "rl.resample": 0,
        "rl.steps": 8,
        "rl.questionsPerStep": 16,
        "rl.groupSize": 1,
        "evaluation.every": 4,
        "evaluation.questions": 72,
        "checkpointing.every": 4,
        "checkpointing.keep": 1,
      }),
      rows: [
        {
          "reward.weights.gbr": 1,
          "reward.weights.upstream": 0,
          "reward.weights.exactMatch": 0,
          "coldStart.demonstrations": 64,
          "search.turns": 1,
        },
        { "reward.weights.gbr": 0, "reward.weights.upstream": 1 },
        { "reward.weights.gbr": 0, "reward.weights.exactMatch": 1 },
        { "coldStart.demonstrations": 0 },
        { "search.turns": 2 },
        { "coldStart.demonstrations": 0, "search.turns": 2 },
      ],
    },
  },
];

export const findSweepPreset = (id: string): SweepPreset | undefined =>
  SWEEP_PRESETS.find((preset) => preset.id === id);
