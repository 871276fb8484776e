import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm, Trajectory } from "./algorithm";
import { computeGae } from "./gae";
import { buildTokenRewards, whiten } from "./returns";

/**
 * PPO (Schulman et al. 2017) as s3 trains (paper, appendix A.2): the episode's reward stands at its last action token; a
 * critic's values and GAE give each action token its advantage, which is whitened over the step. GAE and whitening go over
 * all states: as released (`upstream`) over retrieved tokens, too, so that the action tokens' mean need not be 0.
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
        group.map((trajectory) => {
          const { reward, values, endValue } = trajectory;
          const rewards = buildTokenRewards(reward, spreadPenalties(trajectory));
          return computeGae(rewards, values, rl.gamma, rl.lambda, endValue);
        }),
      );
      const all = estimates.flat().map(({ advantages }) => advantages);
      const advantages = (rl.whiten ? whiten(all) : all).values();
      return groups.map((group, g) =>
        group.map(({ areActions }, i) => ({
          advantages: advantages.next().value!.filter((_, t) => areActions?.[t] ?? true),
          returns: estimates[g]![i]!.returns,
        })),
      );
    },
  };
}

/** The KL penalty of each state's token: 0 where it is no action token. */
function spreadPenalties({ penalties, areActions }: Trajectory): readonly number[] {
  if (!areActions) return penalties;
  let action = 0;
  return areActions.map((isAction) => (isAction ? penalties[action++]! : 0));
}
