import type { RlConfig } from "@/contracts/run-config/training";
import { byGroup, EPSILON, hasVariance, type Algorithm } from "./algorithm";

/**
 * Advantages of GRPO (Shao et al. 2024, section 4.1.2): reward minus the group's mean, divided by its sample standard
 * deviation; without the division, Dr. GRPO (Liu et al. 2025). They sum to 0 in every group; equal rewards give 0.
 */
export function groupAdvantages(
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
  clip: Algorithm["clip"],
  normaliseByDeviation: boolean,
): Algorithm => ({
  name,
  loss: "ppo",
  clip,
  critic: false,
  informative: hasVariance,
  credit: byGroup((rewards) => groupAdvantages(rewards, normaliseByDeviation)),
});

export const grpo = (rl: RlConfig): Algorithm =>
  grouped("grpo", { low: rl.clip, high: rl.clipHigh ?? rl.clip }, true);

export const drGrpo = (rl: RlConfig): Algorithm =>
  grouped("dr-grpo", { low: rl.clip, high: rl.clipHigh ?? rl.clip }, false);

/** DAPO (Yu et al. 2025): GRPO with a higher upper clip; groups without variance are drawn anew (rl.resample). */
export const dapo = (rl: RlConfig): Algorithm =>
  grouped("dapo", { low: rl.clip, high: rl.clipHigh ?? 0.28 }, true);
