import type { AlgorithmName, RlConfig } from "@/contracts/run-config/training";
import type { Algorithm } from "./algorithm";
import { createDapo, createDrGrpo, createGrpo } from "./grpo";
import { createPpo } from "./ppo";
import { createReinforcePlusPlus } from "./reinforce-plus-plus";
import { createRejectionSampling } from "./rejection-sampling";
import { createRloo } from "./rloo";

export const ALGORITHMS: Record<AlgorithmName, (rl: RlConfig) => Algorithm> = {
  ppo: createPpo,
  grpo: createGrpo,
  "dr-grpo": createDrGrpo,
  rloo: createRloo,
  "reinforce++": createReinforcePlusPlus,
  dapo: createDapo,
  "rejection-sampling": createRejectionSampling,
};

export const createAlgorithm = (rl: RlConfig): Algorithm => ALGORITHMS[rl.algorithm](rl);
