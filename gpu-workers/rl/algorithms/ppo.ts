import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm } from "./algorithm";
import { computeGae } from "./gae";
import { buildTokenRewards, whiten } from "./returns";

/**
 * PPO (Schulman et al. 2017) as s3 trains (paper, appendix A.2): the episode's reward stands at its last action token; a
 * critic's values and GAE give each action token its advantage, which is whitened over the step.
 */
export function createPpo(rl: RlConfig): Algorithm {
  return {
    name: "ppo",
    loss: "ppo",
    clipRange: { low: rl.clip, high: rl.clipHigh ?? rl.clip },
    usesCritic: true,
    // The critic is the baseline, so equal rewards teach as well.
    isInformative: () => true,
    assignCredit: (groups) => {
      const estimates = groups.map((group) =>
        group.map(({ reward, penalties, values }) =>
          computeGae(buildTokenRewards(reward, penalties), values, rl.gamma, rl.lambda),
        ),
      );
      if (!rl.whiten) return estimates;
      const whitened = whiten(estimates.flat().map(({ advantages }) => advantages)).values();
      return estimates.map((group) =>
        group.map(({ returns }) => ({ advantages: whitened.next().value!, returns })),
      );
    },
  };
}
