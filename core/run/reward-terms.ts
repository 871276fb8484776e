import type { RewardTerm, RewardWeights } from "@/contracts/run-config/reward";

/** The terms in use with their weights, in the order of the schema. */
export const listUsedTerms = (weights: RewardWeights): (readonly [RewardTerm, number])[] =>
  Object.entries(weights).flatMap(([term, value]: [string, number | undefined]) =>
    value === undefined || value === 0 ? [] : [[term as RewardTerm, value] as const],
  );
