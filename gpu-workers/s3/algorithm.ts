import type { LossConfig } from "@/contracts/engine";
import type { RlConfig } from "@/contracts/run-config";

/**
 * What distinguishes one policy-gradient algorithm from another, seen from the training loop. GRPO needs the rewards
 * of a question's samples; PPO will add its critic behind the same two questions.
 */
export interface Algorithm {
  readonly name: RlConfig["algorithm"];
  readonly loss: "importance_sampling" | "ppo";
  readonly lossConfig: LossConfig;
  /** Rewards of each group (the samples of one question) -> an advantage for each sample. */
  advantages(groups: readonly (readonly number[])[]): number[][];
  /** Whether a group can teach anything: GRPO learns nothing from equal rewards. */
  informative(group: readonly number[]): boolean;
}

/** Rewards closer than this count as equal. */
const EPSILON = 1e-6;

/**
 * Advantages of GRPO (Shao et al. 2024, section 4.1.2): reward minus the group's mean, divided by its sample standard
 * deviation; without the division, Dr. GRPO (Liu et al. 2025). They sum to 0 in every group; equal rewards give 0.
 */
export function groupAdvantages(rewards: readonly number[], normaliseByDeviation: boolean): number[] {
  if (!hasVariance(rewards)) return rewards.map(() => 0);
  const mean = rewards.reduce((sum, r) => sum + r, 0) / rewards.length;
  const centred = rewards.map((r) => r - mean);
  if (!normaliseByDeviation) return centred;
  const deviation = Math.sqrt(centred.reduce((sum, c) => sum + c * c, 0) / (rewards.length - 1));
  return centred.map((c) => c / (deviation + EPSILON));
}

export const hasVariance = (rewards: readonly number[]): boolean => rewards.some((r) => Math.abs(r - rewards[0]!) > EPSILON);

export function grpo(rl: RlConfig): Algorithm {
  return {
    name: rl.algorithm,
    loss: "ppo",
    lossConfig: {
      clipLow: rl.clip,
      clipHigh: rl.clip,
      klCoef: rl.klCoefficient,
      klEstimator: "k3",
      entropyCoef: rl.entropyCoefficient,
      temperature: rl.temperature,
    },
    advantages: (groups) => groups.map((rewards) => groupAdvantages(rewards, rl.algorithm !== "dr-grpo")),
    informative: hasVariance,
  };
}

export const ALGORITHMS: Partial<Record<RlConfig["algorithm"], (rl: RlConfig) => Algorithm>> = { grpo, "dr-grpo": grpo };
