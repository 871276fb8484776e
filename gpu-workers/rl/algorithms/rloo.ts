import type { RlConfig } from "@/contracts/run-config/rl";
import { creditByGroup, hasVariance, type Algorithm } from "./algorithm";

/** Reward minus the mean reward of the question's other samples. */
export function computeLeaveOneOutAdvantages(rewards: readonly number[]): number[] {
  const sum = rewards.reduce((total, r) => total + r, 0);
  return rewards.map((r) => r - (sum - r) / (rewards.length - 1));
}

/** RLOO, REINFORCE leave-one-out (Ahmadian et al. 2024, section 3.3), with PPO's clipped loss. */
export const createRloo = (rl: RlConfig): Algorithm => ({
  name: "rloo",
  loss: "ppo",
  clipRange: { low: rl.clip, high: rl.clipHigh ?? rl.clip },
  usesCritic: false,
  isInformative: hasVariance,
  assignCredit: creditByGroup(computeLeaveOneOutAdvantages),
});
