import type { Explanations } from "./glossary-entry";

/** What a searcher learns with; no chart shows these terms. */
export const LEARNING_TERMS = {
  lora: {
    text: "Low-rank adaptation: the weights stay frozen, and two small factors beside each chosen map are trained.",
    formula: "W x + (α / r) B A x, A of r rows, B of r columns",
    source:
      "Hu et al. 2021 (LoRA, arXiv 2106.09685), section 4.1; gpu-workers/engine/models/lora.py",
  },
  "cold-start": {
    text: "Supervised steps on demonstrations before reinforcement learning, for a model that cannot yet follow the protocol.",
    source: "gpu-workers/rl/cold-start.ts",
  },
  "gold-path": {
    text: "The demonstration of s3: in each window the gold documents are selected; while some are missing, the next gold query is written.",
    source: "gpu-workers/searcher/gold-path.ts",
  },
  "guided-decoding": {
    text: "A grammar leaves the model only well-formed turns. A token's probability is taken over what the grammar allows; where it leaves no choice the token has no loss.",
    source: "gpu-workers/searcher/turn-grammar.ts; gpu-workers/engine/sampling/guided_decoding.py",
  },
  rollouts: {
    text: "The episodes that a training step plays and learns from. Those of one question are a group.",
    source: "gpu-workers/rl/rollout.ts",
  },
  "held-out-questions": {
    text: "Questions that are not trained on. They are asked every few steps, beside naive RAG.",
    source: "gpu-workers/rl/held-out-evaluation.ts",
  },
  "loss-normalisation": {
    text: "What an action token's loss is divided by: whether each token, each episode or neither has the same say.",
    formula:
      "token: Σ loss / Σ tokens; sequence: mean over episodes of (Σ loss / tokens of the episode); constant: Σ loss / (episodes × most tokens of an episode)",
    source:
      "Yu et al. 2025 (DAPO, by token); Shao et al. 2024 (GRPO, by sequence); Liu et al. 2025 (Dr. GRPO, arXiv 2503.20783, by a constant); gpu-workers/rl/policy-update/losses.ts",
  },
  critic: {
    text: "A model that tells, for each token, the reward still to come. PPO measures advantages against it.",
    formula: "GAE: Σ (γλ)ˡ δₜ₊ₗ, δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ)",
    source: "Schulman et al. 2016 (GAE, arXiv 1506.02438), equation 16; Schulman et al. 2017 (PPO)",
  },
} satisfies Explanations;
