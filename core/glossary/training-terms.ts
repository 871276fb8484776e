import { S3, type Explanations } from "./glossary-entry";

/** What the charts of a training explain. Apart from the other terms, so that their page need not load those. */

export const GAIN_TERMS = {
  "gain-beyond-rag": {
    text: "Who answers: s3 alone (gained), naive RAG alone (lost), both, neither. GBR = gained − lost.",
    formula: "accuracy from the searcher's documents − accuracy from naive RAG's documents",
    source: `${S3}, section 3`,
  },
} satisfies Explanations;

export const SEARCH_TERMS = {
  "gold-found-and-kept": {
    text: "Share of gold documents in any window, and handed to the generator. The space between is the selection's loss.",
    formula: "|gold ∩ windows| / |gold|, |gold ∩ handed over| / |gold|, mean over episodes",
  },
  "gold-found-by-turn": {
    text: "Share of gold documents in the windows up to each turn: what each search adds.",
    formula: "|gold ∩ windows of turns 0..t| / |gold|, mean over episodes",
  },
  "search-effort": {
    text: "Searches after the question's own retrieval, and documents handed over: gains should not come from more of them alone.",
    formula: "queries / episodes, documents handed over / episodes",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  "format-error": {
    text: "Format errors per episode, and the share of turns without a selection of their own.",
    formula: "format errors / episodes, selections that were implicit / selections",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  novelty: {
    text: "Documents of later windows that no earlier one held; queries that repeat an earlier one or the question.",
    formula:
      "documents in no earlier window / documents of turns 1 and later, queries equal to an earlier one or the question / queries",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  "action-tokens": {
    text: "Tokens that the searcher wrote itself, mean and longest.",
    formula: "tokens chosen by the searcher, summed over the turns of an episode",
    source: "core/metrics/episode-statistics.ts, countTokens",
  },
} satisfies Explanations;

export const TRAINING_TERMS = {
  reward: {
    text: "What training makes larger: the terms that the configuration weighs, such as Gain Beyond RAG. An episode that is not trained on has none.",
    formula: "Σ weight × term",
    source: `${S3}, section 3`,
  },
  "reward-and-accuracy": {
    text: "Training reward per step; the answer is right on held-out questions, greedy, against naive RAG on the same questions.",
    formula: "Σ reward / episodes of the step, Σ score / held-out questions",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  "training-outcomes": {
    text: "Share of episodes by who answers; the names are upstream's utility and generation.",
    formula: "episodes of each of the four / episodes of the step",
    source: "gpu-workers/rl/episode-metrics.ts",
  },
  "reward-terms": {
    text: "What each term adds to the mean reward; a cost is below zero.",
    formula: "reward = Σ weight × term",
  },
  "cold-start-loss": {
    text: "Cross-entropy per action token on gold-path demonstrations, by batch, before reinforcement learning.",
    formula: "−mean log π(action token)",
  },
  "cold-start-validation": {
    text: "Accuracy on training questions that are set apart, by batch. The weights that score best here begin the reinforcement learning.",
    formula: "Σ score / questions set apart",
    source: "gpu-workers/jobs/train/training.ts, validateColdStart",
  },
  "group-without-variance": {
    text: "Groups whose samples all got the same reward give no gradient; resampled ones were drawn again. Of a dead question no sample is right.",
    source: "Yu et al. 2025 (DAPO, dynamic sampling)",
  },
  "query-information": {
    text: "What a query tells of its question, of all that the step asked: near 0 the searcher writes the same whatever is asked.",
    formula:
      "I(query; question) / log n ≥ 1 + mean log softmax(10 × shared words)ᵢ / log n, n the questions",
    source:
      "van den Oord et al. 2018 (InfoNCE, arXiv 1807.03748); Wang et al. 2026 (RAGEN-2, arXiv 2604.06268)",
  },
  "likelihood-of-good-episodes": {
    text: "Mean log-probability of the tokens with a positive advantage, before the update. It should rise as the policy becomes sure of what is right; a steady fall comes before a collapse.",
    formula: "mean log π(action token), advantage > 0",
    source: "Deng et al. 2025 (arXiv 2512.04220)",
  },
  "policy-loss": {
    text: "Per action token. Its size means little by itself; watch for jumps.",
    formula:
      "PPO and GRPO: −min(ρ A, clip(ρ, 1 − ε, 1 + ε) A), ρ the importance ratio, A the advantage; GSPO: ρ of the whole episode, the geometric mean of its tokens'; CISPO: −clip(ρ) A log π, clip(ρ) a constant",
    source:
      "Schulman et al. 2017 (PPO); Zheng et al. 2025 (GSPO, arXiv 2507.18071); MiniMax 2025 (CISPO, arXiv 2506.13585)",
  },
  "importance-ratio": {
    text: "Rollouts overlap the update, so episodes are of the weights one step before; far from 1 the update hardly corrects that.",
    formula: "π(token) under the weights now / under the weights that sampled it",
  },
  kl: {
    text: "How far the policy went from where reinforcement learning began, per action token.",
    formula:
      "estimators of KL(π ‖ π₀) with d = log π − log π₀: k1 = d, k2 = d² / 2, k3 = exp(−d) − 1 + d",
    source: "Schulman 2020 (Approximating KL divergence)",
  },
  "sampler-mismatch": {
    text: "Distance of their log-probabilities of the same token: large ones make the importance ratio wrong.",
    formula: "|log π(token) in the sampler − in the trainer|",
  },
  entropy: {
    text: "Of the policy per action token; a fall to zero means it no longer explores.",
    formula: "−Σ π(v) log π(v) over the vocabulary",
  },
  "gradient-norm": {
    text: "Norm before clipping: repeated peaks precede a collapse. Share of action tokens whose ratio was clipped.",
    formula: "‖gradient‖₂",
  },
  "values-and-returns": {
    text: "What the critic expected before the update, and what came: they should approach each other.",
    source: "Schulman et al. 2016 (GAE)",
  },
  "explained-variance": {
    text: "Share of the returns' variance that the critic foresaw: 0 knows only the mean, below 0 is worse than that.",
    formula: "1 − Var(return − value) / Var(return)",
  },
  "value-loss": {
    text: "Half the squared error per action token, and the share of tokens whose loss was clipped.",
    formula: "(value − return)² / 2",
    source: "Schulman et al. 2017 (PPO); verl's clipping",
  },
  "critic-gradient-norm": {
    text: "Before clipping.",
    formula: "‖gradient‖₂",
  },
} satisfies Explanations;
