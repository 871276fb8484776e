import type { GlossaryTerm } from "@/core/glossary/term-titles";

/** Terms of the glossary that say more than a setting's own text: formula and source. */
export const SETTING_TERMS: Readonly<Partial<Record<string, GlossaryTerm>>> = {
  "search.turns": "turn",
  "search.retrieve": "retrieve-select-turns",
  "search.select": "retrieve-select-turns",
  "searcher.model": "searcher",
  "generator.model": "generator",
  "generator.ragDocuments": "naive-rag",
  "reward.weights.gbr": "gain-beyond-rag",
  "coldStart.demonstrations": "cold-start-loss",
  "rl.algorithm": "advantage",
  "rl.groupSize": "advantage",
  "rl.resample": "group-without-variance",
  "rl.clip": "policy-loss",
  "rl.klCoefficient": "kl",
  "rl.entropyCoefficient": "entropy",
  "rl.gradientClip": "gradient-norm",
};
