import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm } from "./algorithm";
import { createGroupRelative } from "./group-relative";

/** Upper end of the clip range in DAPO's paper. */
const CLIP_HIGH = 0.28;

/** DAPO (Yu et al. 2025): GRPO with a higher upper clip; groups without variance are drawn anew (rl.resample). */
export const createDapo = (rl: RlConfig): Algorithm =>
  createGroupRelative("dapo", rl, true, CLIP_HIGH);
