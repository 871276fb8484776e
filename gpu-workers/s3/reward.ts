import type { Reward } from "@/contracts/episode";
import type { RewardName } from "@/contracts/run-config";

/**
 * Gain Beyond RAG (s3, equation 1): what the selected documents gained over naive RAG's, with the same frozen generator.
 *   gbr:      Acc(G(q, D_s3)) - Acc(G(q, D_RAG))
 *   upstream: the released code's utility + generation = (Acc_s3 - Acc_RAG) + Acc_s3
 * @returns the value with its arithmetic.
 */
export function rewardOf(name: RewardName, accuracy: number, ragAccuracy: number): Reward {
  const terms =
    name === "gbr"
      ? [
          { label: "accuracy with the searcher's documents", weight: 1, value: accuracy },
          { label: "accuracy with naive RAG's documents", weight: -1, value: ragAccuracy },
        ]
      : [
          { label: "utility: gain over naive RAG", weight: 1, value: accuracy - ragAccuracy },
          { label: "generation: accuracy with the searcher's documents", weight: 1, value: accuracy },
        ];
  return { name, terms, value: terms.reduce((sum, term) => sum + term.weight * term.value, 0) };
}
