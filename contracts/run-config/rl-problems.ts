import { isGrouped } from "./algorithm";
import type { RlConfig } from "./rl";

/** Combinations that cannot work, by the setting to change and how. */
export function listRlProblems(rl: Omit<RlConfig, never>): [path: string, message: string][] {
  const { algorithm, groupSize, questionsPerStep, miniBatch } = rl;
  const episodes = groupSize * questionsPerStep;
  const problems: [applies: boolean, path: string, message: string][] = [
    [
      groupSize < 2 && isGrouped(algorithm),
      "groupSize",
      `must be at least 2 with ${algorithm}, whose baseline is the group; ppo and reinforce++ need only 1`,
    ],
    [
      groupSize * questionsPerStep < 2 && !isGrouped(algorithm) && algorithm !== "ppo",
      "questionsPerStep",
      "one episode a step has no deviation to normalise by: raise questionsPerStep or groupSize",
    ],
    [
      algorithm === "dapo" && rl.normalisation !== "token",
      "normalisation",
      "DAPO averages over tokens: choose token, or grpo with another upper clip",
    ],
    [
      algorithm === "dapo" && rl.resample === 0,
      "resample",
      "DAPO draws groups without variance again: give at least 1, or choose grpo",
    ],
    [
      algorithm === "rejection-sampling" && rl.klCoefficient > 0,
      "klCoefficient",
      "rejection sampling learns by cross-entropy, which has no KL term: set 0",
    ],
    [
      algorithm === "rejection-sampling" && rl.entropyCoefficient > 0,
      "entropyCoefficient",
      "rejection sampling learns by cross-entropy, which has no entropy bonus: set 0",
    ],
    [
      miniBatch > episodes,
      "miniBatch",
      `a step has only ${episodes} episodes: give at most as many, or 0 for all`,
    ],
    [
      rl.overlap && (rl.epochs > 1 || (miniBatch > 0 && miniBatch < episodes)),
      "overlap",
      "rollouts overlap a single optimiser step: set epochs to 1 and miniBatch to 0, or switch overlap off",
    ],
    [
      rl.overlap && rl.oldLogprobs === "trainer",
      "oldLogprobs",
      "overlapped episodes are corrected by the sampler's log-probabilities: choose sampler, or switch overlap off",
    ],
    [
      rl.klTarget !== null && rl.klCoefficient === 0,
      "klCoefficient",
      "an adaptive coefficient starts from here: give one above 0, or leave klTarget empty",
    ],
    [
      rl.truncateRatio !== null && rl.oldLogprobs === "sampler",
      "oldLogprobs",
      "the mismatch is measured against the trainer: choose trainer, or leave truncateRatio empty",
    ],
    [
      rl.critic.kind === "adapter" && rl.critic.model !== null,
      "critic.model",
      "an adapter sits on the searcher's own model: leave this empty, or set critic.kind to model",
    ],
    [
      algorithm === "ppo" && rl.critic.warmupSteps > 0 && rl.critic.warmupSteps >= rl.steps,
      "critic.warmupSteps",
      "the searcher would never learn: give fewer than rl.steps",
    ],
  ];
  return problems.flatMap(([applies, path, message]) => (applies ? [[path, message]] : []));
}
