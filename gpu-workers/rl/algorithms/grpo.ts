import type { RlConfig } from "@/contracts/run-config/training";
import { creditByGroup, EPSILON, hasVariance, type Algorithm } from "./algorithm";

/**
 * Advantages of GRPO (Shao et al. 2024, section 4.1.2): reward minus the group's mean, divided by its sample standard
 * deviation; without the division, Dr. GRPO (Liu et al. 2025). They sum to 0 in every group; equal rewards give 0.
 */
export function computeGroupAdvantages(
  rewards: readonly number[],
  normaliseByDeviation: boolean,
): number[] {
  if (!hasVariance(rewards)) return rewards.map(() => 0);
  const mean = rewards.reduce((sum, r) => sum + r, 0) / rewards.length;
  const centred = rewards.map((r) => r - mean);
  if (!normaliseByDeviation) return centred;
  const deviation = Math.sqrt(centred.reduce((sum, c) => sum + c * c, 0) / (rewards.length - 1));
  return centred.map((c) => c / (deviation + EPSILON));
}

const grouped = (
  name: Algorithm["name"],
  clip: Algorithm["clipRange"],
  normaliseByDeviation: boolean,
): Algorithm => ({
  name,
  loss: "ppo",
  clipRange: clip,
  usesCritic: false,
  isInformative: hasVariance,
  assignCredit: creditByGroup((rewards) => computeGroupAdvantages(rewards, normaliseByDeviation)),
});

export const createGrpo = (rl: RlConfig): Algorithm =>
  grouped("grpo", { low: rl.clip, high: rl.clipHigh ?? rl.clip }, true);

export const createDrGrpo = (rl: RlConfig): Algorithm =>
  grouped("dr-grpo", { low: rl.clip, high: rl.clipHigh ?? rl.clip }, false);

/** DAPO (Yu et al. 2025): GRPO with a higher upper clip; groups without variance are drawn anew (rl.resample). */
export const createDapo = (rl: RlConfig): Algorithm =>
  grouped("dapo", { low: rl.clip, high: rl.clipHigh ?? 0.28 }, true);
