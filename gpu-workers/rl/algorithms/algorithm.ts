import type { AlgorithmName } from "@/contracts/run-config/training";

/** An episode as an algorithm sees it. Lists have an entry for each action token, in order; other tokens are no states. */
export interface Trajectory {
  /** What the episode earned. */
  reward: number;
  /** What the KL takes from the reward of each action token; zeros where it is not in the reward. */
  penalties: readonly number[];
  /** The critic's value of the state from which each action token was chosen; empty without a critic. */
  values: readonly number[];
}

/** What an episode's action tokens are credited with. */
export interface Credit {
  advantages: number[];
  /** What the critic learns; absent without a critic. */
  returns?: number[];
}

/** What distinguishes one algorithm from another, seen from the training loop. */
export interface Algorithm {
  readonly name: AlgorithmName;
  /** cross_entropy: learns the episodes with an advantage above 0, and no others. */
  readonly loss: "ppo" | "cross_entropy";
  /** Range of the importance ratio: [1 - low, 1 + high]. */
  readonly clipRange: { low: number; high: number };
  readonly usesCritic: boolean;
  /** Whether the rewards of a question's samples can teach anything; a group that cannot is drawn anew. */
  isInformative(rewards: readonly number[]): boolean;
  /** Credits for the groups of one step, in their order. */
  assignCredit(groups: readonly (readonly Trajectory[])[]): Credit[][];
}

/** Rewards closer than this count as equal. */
export const EPSILON = 1e-6;

export const hasVariance = (rewards: readonly number[]): boolean =>
  rewards.some((r) => Math.abs(r - rewards[0]!) > EPSILON);

/** Reward of an episode with its KL penalty. */
export const computeNetReward = ({ reward, penalties }: Trajectory): number =>
  reward - penalties.reduce((sum, p) => sum + p, 0);

/** Credits each action token of an episode with the episode's advantage. */
export const creditEveryToken = ({ penalties }: Trajectory, advantage: number): Credit => ({
  advantages: penalties.map(() => advantage),
});

/** An algorithm whose advantages come from the rewards of a question's samples alone. */
export const creditByGroup =
  (advantagesOf: (rewards: number[]) => number[]): Algorithm["assignCredit"] =>
  (groups) =>
    groups.map((group) => {
      const advantages = advantagesOf(group.map(computeNetReward));
      return group.map((trajectory, i) => creditEveryToken(trajectory, advantages[i]!));
    });
