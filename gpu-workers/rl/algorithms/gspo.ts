import type { RlConfig } from "@/contracts/run-config/rl";
import type { Algorithm } from "./algorithm";
import { createGroupRelative } from "./group-relative";

/** Ends of the clip range in GSPO's paper (section 5.1): ratios of whole sequences lie much closer to 1 than tokens'. */
const CLIP_LOW = 3e-4;
const CLIP_HIGH = 4e-4;

/**
 * GSPO (Zheng et al. 2025, arXiv 2507.18071): GRPO's advantages with one importance ratio an episode, the geometric mean
 * of its action tokens', which is clipped as a whole.
 */
export const createGspo = (rl: RlConfig): Algorithm => ({
  ...createGroupRelative("gspo", rl, true),
  loss: "gspo",
  clipRange: { low: rl.sequenceClip ?? CLIP_LOW, high: rl.clipHigh ?? CLIP_HIGH },
});
