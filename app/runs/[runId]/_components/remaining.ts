import type { Point } from "@/app/_charts/prepare";

/** Seconds for the steps that are left, at the mean pace of the last five; null before the first step. */
export function estimateRemainingSeconds(
  stepSeconds: readonly Point[],
  steps: number,
): number | null {
  const last = stepSeconds.at(-1);
  if (!last) return null;
  const recent = stepSeconds.slice(-5);
  const pace = recent.reduce((sum, p) => sum + p.value, 0) / recent.length;
  return Math.max(0, steps - last.step) * pace;
}
