import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm } from "./algorithm";
import { createGroupRelative } from "./group-relative";

/** GRPO (Shao et al. 2024, section 4.1.2): advantages are rewards standardised within the question's group. */
export const createGrpo = (rl: RlConfig): Algorithm => createGroupRelative("grpo", rl, true);
