import type { AlgorithmName, RlConfig } from "@/contracts/run-config/training";
import type { Algorithm } from "./algorithm";
import { dapo, drGrpo, grpo } from "./grpo";
import { ppo } from "./ppo";
import { reinforcePlusPlus } from "./reinforce-plus-plus";
import { rejectionSampling } from "./rejection-sampling";
import { rloo } from "./rloo";

export const ALGORITHMS: Record<AlgorithmName, (rl: RlConfig) => Algorithm> = {
  ppo,
  grpo,
  "dr-grpo": drGrpo,
  rloo,
  "reinforce++": reinforcePlusPlus,
  dapo,
  "rejection-sampling": rejectionSampling,
};

export const algorithmOf = (rl: RlConfig): Algorithm => ALGORITHMS[rl.algorithm](rl);
