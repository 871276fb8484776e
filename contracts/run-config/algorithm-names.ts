/** Algorithms of reinforcement learning, apart from their schema: forms need no zod for them. */
export const ALGORITHM_NAMES = [
  "ppo",
  "grpo",
  "dr-grpo",
  "rloo",
  "reinforce++",
  "dapo",
  "rejection-sampling",
  "gspo",
  "cispo",
] as const;
export type AlgorithmName = (typeof ALGORITHM_NAMES)[number];

/** Algorithms whose baseline is not the group's, so that one sample per question is enough. */
const UNGROUPED: readonly AlgorithmName[] = ["ppo", "reinforce++"];

/** Whether a question's samples are measured against each other. */
export const isGrouped = (algorithm: AlgorithmName): boolean => !UNGROUPED.includes(algorithm);

/** Algorithms whose advantages are rewards relative to their group's, which may be one of turns. */
const GROUP_RELATIVE: readonly AlgorithmName[] = ["grpo", "dr-grpo", "dapo", "gspo", "cispo"];

/** Whether an algorithm can credit turns (`rl.credit`). */
export const creditsTurns = (algorithm: AlgorithmName): boolean =>
  GROUP_RELATIVE.includes(algorithm);
