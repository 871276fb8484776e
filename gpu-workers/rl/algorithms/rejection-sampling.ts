import { creditByGroup, EPSILON, type Algorithm } from "./algorithm";

/** 1 for the best of a question's samples where their reward is positive (equally good ones all count), else 0. */
export function weightBestSamples(rewards: readonly number[]): number[] {
  const best = Math.max(...rewards);
  return rewards.map((r) => (best > EPSILON && r > best - EPSILON ? 1 : 0));
}

/** Rejection-sampling fine-tuning (as in RAFT: Dong et al. 2023): cross-entropy on each question's best episodes. */
export const createRejectionSampling = (): Algorithm => ({
  name: "rejection-sampling",
  loss: "cross_entropy",
  clipRange: { low: 0, high: 0 },
  usesCritic: false,
  isInformative: (rewards) => rewards.some((r) => r > EPSILON),
  assignCredit: creditByGroup(weightBestSamples),
});
