import { scoreExactMatch, type Scorable } from "@/core/scoring/rule-scoring";
import { AppError } from "@/contracts/errors";
import type { RewardTerm, RewardWeights } from "@/contracts/run-config/reward";
import { listUsedTerms } from "@/core/run/reward-terms";
import type { Episode, Reward } from "@/contracts/records/episode";
import { countTokens, listQueries } from "@/core/metrics/episode-statistics";
import type { SearchConfig } from "@/contracts/run-config/search";
import { computeMaxEpisodeTokens } from "@/gpu-workers/searcher/turn-decoding";

/** What the terms of the reward are computed from. */
export interface RewardFacts {
  /** Score of the answer from the searcher's documents, and of naive RAG's answer, by the configured scorer. */
  accuracy: number;
  /** Null where naive RAG is not asked. */
  ragAccuracy: number | null;
  exactMatch: number;
  /** Share of the gold documents that were selected; null where the question names none. */
  goldRecall: number | null;
  formatErrors: number;
  /** Tokens that the searcher wrote, and the most that its turns allow. */
  actionTokens: number;
  mostTokens: number;
  searches: number;
}

/** What was made of an episode, and what it was made under. */
export interface JudgedEpisode {
  /** The generator's answer, from the searcher's documents, or the method's own. */
  answer: string;
  accuracy: number;
  ragAccuracy: number | null;
  search: SearchConfig;
}

export function collectRewardFacts(
  episode: Pick<Episode, "steps" | "context">,
  question: Scorable & { goldIds: readonly string[] },
  { answer, accuracy, ragAccuracy, search }: JudgedEpisode,
): RewardFacts {
  const selected = new Set(episode.context.map(({ id }) => id));
  const { goldIds } = question;
  return {
    accuracy,
    ragAccuracy,
    exactMatch: scoreExactMatch(answer, question.answers),
    goldRecall:
      goldIds.length === 0
        ? null
        : goldIds.filter((id) => selected.has(id)).length / goldIds.length,
    formatErrors: episode.steps.filter(({ kind }) => kind === "reject").length,
    actionTokens: countTokens(episode).actions,
    mostTokens: computeMaxEpisodeTokens(search),
    searches: listQueries(episode).length,
  };
}

/** @throws AppError where a term compares with naive RAG, which was not asked */
function requireRag(accuracy: number | null): number {
  if (accuracy === null)
    throw new AppError("internal", "A term of the reward needs naive RAG's answer.");
  return accuracy;
}

type RewardPart = Reward["terms"][number];

/** Each term as a sum of weighted parts. Their labels are stored with the reward. */
const REWARD_TERMS: Record<RewardTerm, (facts: RewardFacts) => Omit<RewardPart, "term">[]> = {
  // Gain Beyond RAG (s3, equation 1): Acc(G(q, D_s3)) - Acc(G(q, D_RAG)), with the same frozen generator.
  gbr: ({ accuracy, ragAccuracy }) => [
    { label: "accuracy with the searcher's documents", weight: 1, value: accuracy },
    { label: "accuracy with naive RAG's documents", weight: -1, value: requireRag(ragAccuracy) },
  ],
  // The released code's utility + generation = (Acc_s3 - Acc_RAG) + Acc_s3.
  upstream: ({ accuracy, ragAccuracy }) => [
    { label: "utility: gain over naive RAG", weight: 1, value: accuracy - requireRag(ragAccuracy) },
    { label: "generation: accuracy with the searcher's documents", weight: 1, value: accuracy },
  ],
  accuracy: ({ accuracy }) => [
    { label: "accuracy with the searcher's documents", weight: 1, value: accuracy },
  ],
  exactMatch: (facts) => [{ label: "exact match", weight: 1, value: facts.exactMatch }],
  goldRecall: ({ goldRecall }) => [
    { label: "share of gold documents handed over", weight: 1, value: goldRecall ?? 0 },
  ],
  format: ({ formatErrors }) => [
    { label: "without format errors", weight: 1, value: formatErrors === 0 ? 1 : 0 },
  ],
  length: ({ actionTokens }) => [
    { label: "thousands of tokens written", weight: -1, value: actionTokens / 1000 },
  ],
  search: ({ searches }) => [{ label: "searches after turn 0", weight: -1, value: searches }],
  overlong: ({ actionTokens, mostTokens }) => [
    {
      label: "soft overlong punishment",
      weight: 1,
      value: punishOverlong(actionTokens, mostTokens),
    },
  ],
};

/** The part of all tokens over which DAPO punishes: 4096 of 20480. */
const OVERLONG_PART = 4096 / 20480;

/**
 * DAPO's soft overlong punishment (Yu et al. 2025, arXiv 2503.14476, equation 13): 0 up to `most` less a fifth of it,
 * then falling in a line to -1 at `most`, and -1 beyond.
 */
export function punishOverlong(tokens: number, most: number): number {
  const cache = OVERLONG_PART * most;
  if (tokens > most) return -1;
  return Math.min(0, (most - cache - tokens) / cache);
}

/** The terms in use with their weights, e.g. "gbr" or "gbr + 0.1 format". */
function formatRewardName(used: readonly (readonly [RewardTerm, number])[]): string {
  return used.map(([term, weight]) => (weight === 1 ? term : `${weight} ${term}`)).join(" + ");
}

/** The weighted sum of the terms in use, with its parts: value = sum of weight x value over `terms`. */
export function computeReward(weights: RewardWeights, facts: RewardFacts): Reward {
  const used = listUsedTerms(weights);
  const terms = used.flatMap(([term, weight]) =>
    REWARD_TERMS[term](facts).map((part) => ({ ...part, weight: weight * part.weight, term })),
  );
  return {
    name: formatRewardName(used),
    terms,
    value: terms.reduce((sum, part) => sum + part.weight * part.value, 0),
  };
}
