import { exactMatch, type Scorable } from "@/core/scoring/rule-scoring";
import type { RewardTerm, RewardWeights } from "@/contracts/run-config/training";
import type { Episode, Reward } from "@/contracts/records/episode";
import { countTokens } from "@/gpu-workers/searcher/episode-statistics";
import { listQueries } from "@/gpu-workers/searcher/episode-statistics";

/** What an episode is rewarded for. */
export interface RewardFacts {
  /** Of the answer from the searcher's documents, and of naive RAG's, by the configured scorer. */
  accuracy: number;
  ragAccuracy: number;
  exactMatch: number;
  /** Share of gold documents handed over; null where the question names none. */
  goldRecall: number | null;
  formatErrors: number;
  /** Tokens that the searcher wrote. */
  actionTokens: number;
  searches: number;
}

export function collectRewardFacts(
  episode: Pick<Episode, "steps" | "context">,
  question: Scorable & { goldIds: readonly string[] },
  answer: string,
  accuracy: number,
  ragAccuracy: number,
): RewardFacts {
  const handedOver = new Set(episode.context.map(({ id }) => id));
  const { goldIds } = question;
  return {
    accuracy,
    ragAccuracy,
    exactMatch: exactMatch(answer, question.answers),
    goldRecall:
      goldIds.length === 0
        ? null
        : goldIds.filter((id) => handedOver.has(id)).length / goldIds.length,
    formatErrors: episode.steps.filter(({ kind }) => kind === "reject").length,
    actionTokens: countTokens(episode).actions,
    searches: listQueries(episode).length,
  };
}

type RewardPart = Reward["terms"][number];

/** Each term as the sum of weighted parts. */
const REWARD_TERMS: Record<RewardTerm, (facts: RewardFacts) => Omit<RewardPart, "term">[]> = {
  // Gain Beyond RAG (s3, equation 1): Acc(G(q, D_s3)) - Acc(G(q, D_RAG)), with the same frozen generator.
  gbr: ({ accuracy, ragAccuracy }) => [
    { label: "accuracy with the searcher's documents", weight: 1, value: accuracy },
    { label: "accuracy with naive RAG's documents", weight: -1, value: ragAccuracy },
  ],
  // The released code's utility + generation = (Acc_s3 - Acc_RAG) + Acc_s3.
  upstream: ({ accuracy, ragAccuracy }) => [
    { label: "utility: gain over naive RAG", weight: 1, value: accuracy - ragAccuracy },
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
};

/** "gbr", or "gbr + 0.1 format": the terms in use with their weights. */
function formatRewardName(used: readonly (readonly [RewardTerm, number])[]): string {
  return used.map(([term, weight]) => (weight === 1 ? term : `${weight} ${term}`)).join(" + ");
}

/** The weighted sum of the terms in use, with its arithmetic: value = sum of weight x value over the parts. */
export function computeReward(weights: RewardWeights, facts: RewardFacts): Reward {
  const used = (Object.entries(weights) as [RewardTerm, number][]).filter(
    ([, weight]) => weight !== 0,
  );
  const terms = used.flatMap(([term, weight]) =>
    REWARD_TERMS[term](facts).map((part) => ({ ...part, weight: weight * part.weight, term })),
  );
  return {
    name: formatRewardName(used),
    terms,
    value: terms.reduce((sum, part) => sum + part.weight * part.value, 0),
  };
}
