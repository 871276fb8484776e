import type { RlConfig } from "@/contracts/run-config/training";
import type { Algorithm } from "./algorithm";
import { discounted, tokenRewards, whiten } from "./gae";

/** REINFORCE++ (Hu 2025): discounted returns of token rewards, normalised over the whole batch, with PPO's clipped loss. */
export const reinforcePlusPlus = (rl: RlConfig): Algorithm => ({
  name: "reinforce++",
  loss: "ppo",
  clip: { low: rl.clip, high: rl.clipHigh ?? rl.clip },
  critic: false,
  informative: () => true,
  credit: (groups) => {
    const returns = groups.flatMap((group) =>
      group.map(({ reward, penalties }) => discounted(tokenRewards(reward, penalties), rl.gamma)),
    );
    const whitened = whiten(returns).values();
    return groups.map((group) => group.map(() => ({ advantages: whitened.next().value! })));
  },
});
