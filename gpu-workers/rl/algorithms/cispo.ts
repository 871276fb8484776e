import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm } from "./algorithm";
import { createGroupRelative } from "./group-relative";

/** The paper sets no lower bound: a weight is never below 0. */
const CLIP_LOW = 1;
/** The paper tunes it and gives no figure; a largest weight of 5 is that of Khatri et al. 2025 (arXiv 2510.13786). */
const CLIP_HIGH = 4;

/**
 * CISPO (MiniMax 2025, arXiv 2506.13585, section 3.1): GRPO's advantages; the clipped importance weight is a constant
 * factor of the log-probability, so that no token loses its gradient.
 */
export const createCispo = (rl: RlConfig): Algorithm => ({
  ...createGroupRelative("cispo", rl, true),
  loss: "cispo",
  clipRange: { low: CLIP_LOW, high: rl.clipHigh ?? CLIP_HIGH },
});
