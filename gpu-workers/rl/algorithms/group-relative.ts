import type { RlConfig } from "@/contracts/run-config/rl";
import { creditByTurn } from "./turn-credit";
import { creditByGroup, EPSILON, hasVariance, type Algorithm } from "./algorithm";

/** What GRPO, Dr. GRPO, DAPO, GSPO and CISPO share: advantages relative to the group. */

/**
 * Reward minus the group's mean, divided by its sample standard deviation where `normaliseByDeviation`. Advantages sum
 * to 0 in every group; equal rewards give 0.
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

/** @param clipHigh upper end of the clip range where the configuration sets none */
export const createGroupRelative = (
  name: Algorithm["name"],
  rl: RlConfig,
  normaliseByDeviation: boolean,
  clipHigh = rl.clip,
): Algorithm => ({
  name,
  loss: "ppo",
  clipRange: { low: rl.clip, high: rl.clipHigh ?? clipHigh },
  usesCritic: false,
  isInformative: hasVariance,
  assignCredit: assignGroupCredit(rl, (rewards) =>
    computeGroupAdvantages(rewards, normaliseByDeviation),
  ),
});

/** Credit of whole episodes, or of their turns. */
const assignGroupCredit = (
  rl: RlConfig,
  computeAdvantages: (rewards: number[]) => number[],
): Algorithm["assignCredit"] =>
  rl.credit === "turn"
    ? creditByTurn(computeAdvantages, rl.turnDiscount ?? 1)
    : creditByGroup(computeAdvantages);
