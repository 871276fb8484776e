import type { AlgorithmName } from "./algorithm";

/** Algorithms whose baseline is not the group's, so that one sample per question is enough. */
const UNGROUPED: readonly AlgorithmName[] = ["ppo", "reinforce++"];

/** Whether a question's samples are measured against each other. */
export const isGrouped = (algorithm: AlgorithmName): boolean => !UNGROUPED.includes(algorithm);
