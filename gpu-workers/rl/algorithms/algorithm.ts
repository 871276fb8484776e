import type { AlgorithmName } from "@/contracts/run-config/algorithm-names";

/**
 * An episode as an algorithm sees it. Lists have an entry for each action token, in order, those of the critic one for
 * each state.
 */
export interface Trajectory {
  /** What the episode earned. */
  reward: number;
  /** What the KL takes from the reward of each action token; zeros where it is not in the reward. */
  penalties: readonly number[];
  /** The critic's value of each state; empty without a critic. */
  values: readonly number[];
  /**
   * Of each state whether its token is an action token. Absent: every state's is. Under `upstream` what was retrieved has
   * states, too.
   */
  areActions?: readonly boolean[];
  /** The critic's value after the last token where that is a state, too (`upstream`). Absent: 0, as the episode is over. */
  endValue?: number;
  /** With `rl.credit: turn`, what each turn earned, in order, and the turn of each action token. */
  turns?: { rewards: readonly { turn: number; reward: number }[]; ofTokens: readonly number[] };
}

/** What the action tokens of an episode are credited with. */
export interface Credit {
  advantages: number[];
  /** Targets of the critic, one for each state, without that of `endValue`, which is 0; absent without a critic. */
  returns?: number[];
}

/** What distinguishes one algorithm from another, seen from the training loop. */
export interface Algorithm {
  readonly name: AlgorithmName;
  /** cross_entropy: only episodes with an advantage above 0 are learned. */
  readonly loss: "ppo" | "gspo" | "cispo" | "cross_entropy";
  /** Range of the importance ratio: [1 - low, 1 + high]. */
  readonly clipRange: { low: number; high: number };
  readonly usesCritic: boolean;
  /** Whether anything can be learned from a group with these rewards; a group without is drawn anew. */
  readonly isInformative: (rewards: readonly number[]) => boolean;
  /** Credits for the groups of one step, in their order. */
  readonly assignCredit: (groups: readonly (readonly Trajectory[])[]) => Credit[][];
}

/** Rewards closer than this count as equal. */
export const EPSILON = 1e-6;

/** Whether the rewards of a group differ. */
export const hasVariance = (rewards: readonly number[]): boolean =>
  rewards.some((r) => Math.abs(r - rewards[0]!) > EPSILON);

/** Reward of an episode less its KL penalties. */
export const computeNetReward = ({ reward, penalties }: Trajectory): number =>
  reward - penalties.reduce((sum, p) => sum + p, 0);

/** An algorithm whose advantages depend only on the net rewards of a question's samples: one advantage per episode. */
export const creditByGroup =
  (computeAdvantages: (rewards: number[]) => number[]): Algorithm["assignCredit"] =>
  (groups) =>
    groups.map((group) => {
      const advantages = computeAdvantages(group.map(computeNetReward));
      return group.map(({ penalties }, i) => ({ advantages: penalties.map(() => advantages[i]!) }));
    });
