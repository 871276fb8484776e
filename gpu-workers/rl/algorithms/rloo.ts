import type { RlConfig } from "@/contracts/run-config/training";
import { creditByGroup, hasVariance, type Algorithm } from "./algorithm";

/** Reward minus the mean of the question's other samples (RLOO: Ahmadian et al. 2024, section 3.3). */
export function computeLeaveOneOutAdvantages(rewards: readonly number[]): number[] {
  const sum = rewards.reduce((total, r) => total + r, 0);
  return rewards.map((r) => r - (sum - r) / (rewards.length - 1));
}

export const createRloo = (rl: RlConfig): Algorithm => ({
  name: "rloo",
  loss: "ppo",
  clipRange: { low: rl.clip, high: rl.clipHigh ?? rl.clip },
  usesCritic: false,
  isInformative: hasVariance,
  assignCredit: creditByGroup(computeLeaveOneOutAdvantages),
});
