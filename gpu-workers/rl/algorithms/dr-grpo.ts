import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm } from "./algorithm";
import { createGroupRelative } from "./group-relative";

/** Dr. GRPO (Liu et al. 2025): GRPO without the division by the group's standard deviation. */
export const createDrGrpo = (rl: RlConfig): Algorithm => createGroupRelative("dr-grpo", rl, false);
