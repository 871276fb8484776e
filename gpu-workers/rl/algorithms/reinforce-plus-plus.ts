import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm } from "./algorithm";
import { computeDiscountedReturns, buildTokenRewards, whiten } from "./returns";

/** REINFORCE++ (Hu 2025): discounted returns of token rewards, normalised over the whole batch, with PPO's clipped loss. */
export const createReinforcePlusPlus = (rl: RlConfig): Algorithm => ({
  name: "reinforce++",
  loss: "ppo",
  clipRange: { low: rl.clip, high: rl.clipHigh ?? rl.clip },
  usesCritic: false,
  isInformative: () => true,
  assignCredit: (groups) => {
    const returns = groups.flatMap((group) =>
      group.map(({ reward, penalties }) =>
        computeDiscountedReturns(buildTokenRewards(reward, penalties), rl.gamma),
      ),
    );
    const whitened = whiten(returns).values();
    return groups.map((group) => group.map(() => ({ advantages: whitened.next().value! })));
  },
});
