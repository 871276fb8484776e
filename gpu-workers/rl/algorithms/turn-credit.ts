import type { Algorithm, Trajectory } from "./algorithm";
import { computeDiscountedReturns } from "./returns";

/** What each turn of an episode nets: its reward less the KL penalties of its action tokens. */
function listNetTurnRewards({ turns, penalties }: Trajectory): number[] {
  const { rewards, ofTokens } = turns!;
  return rewards.map(({ turn, reward }) =>
    ofTokens.reduce((net, of, t) => (of === turn ? net - penalties[t]! : net), reward),
  );
}

/**
 * Credit by turns (Wang et al. 2025, IGPO, arXiv 2510.14967, section 3.2): the rewards of all turns of all samples of a
 * question are one group, normalised together, and a turn's advantage is the discounted sum of its own and later ones:
 *   A_{i,t} = sum over k >= t of discount^(k-t) normalised r_{i,k}
 *
 * @param computeAdvantages of the rewards of a group
 */
export const creditByTurn =
  (
    computeAdvantages: (rewards: number[]) => number[],
    discount: number,
  ): Algorithm["assignCredit"] =>
  (groups) =>
    groups.map((group) => {
      const rewards = group.map(listNetTurnRewards);
      const normalised = computeAdvantages(rewards.flat()).values();
      return group.map(({ turns }, i) => {
        const own = rewards[i]!.map(() => normalised.next().value!);
        const advantages = computeDiscountedReturns(own, discount);
        const place = new Map(turns!.rewards.map(({ turn }, t) => [turn, t]));
        return { advantages: turns!.ofTokens.map((turn) => advantages[place.get(turn)!]!) };
      });
    });
