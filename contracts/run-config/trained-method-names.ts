import type { RewardWeights } from "./reward";

/** Methods that are trained here: s3, and the baselines of its paper that are trained themselves. */
export const TRAINED_METHODS = ["s3", "search-r1", "r1", "sft"] as const;
export type TrainedMethod = (typeof TRAINED_METHODS)[number];

/** What a training configuration trains. */
export const getTrainedMethod = ({ method }: { method?: TrainedMethod | undefined }) =>
  method ?? "s3";

/** Terms of the reward that compare with naive RAG, which a method without a frozen generator has not. */
export const RAG_TERMS = ["gbr", "upstream"] as const satisfies (keyof RewardWeights)[];
/** Terms of the reward that are about searches. */
export const SEARCH_TERMS = ["goldRecall", "search"] as const satisfies (keyof RewardWeights)[];
