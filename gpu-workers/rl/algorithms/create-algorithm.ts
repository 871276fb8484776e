import type { RlConfig } from "@/contracts/run-config/rl";
import type { AlgorithmName } from "@/contracts/run-config/algorithm-names";
import type { Algorithm } from "./algorithm";
import { createCispo } from "./cispo";
import { createDapo } from "./dapo";
import { createDrGrpo } from "./dr-grpo";
import { createGrpo } from "./grpo";
import { createGspo } from "./gspo";
import { createPpo } from "./ppo";
import { createReinforcePlusPlus } from "./reinforce-plus-plus";
import { createRejectionSampling } from "./rejection-sampling";
import { createRloo } from "./rloo";

const ALGORITHMS: Record<AlgorithmName, (rl: RlConfig) => Algorithm> = {
  ppo: createPpo,
  grpo: createGrpo,
  "dr-grpo": createDrGrpo,
  rloo: createRloo,
  "reinforce++": createReinforcePlusPlus,
  dapo: createDapo,
  "rejection-sampling": createRejectionSampling,
  gspo: createGspo,
  cispo: createCispo,
};

/** The algorithm that the configuration names. */
export const createAlgorithm = (rl: RlConfig): Algorithm => ALGORITHMS[rl.algorithm](rl);
