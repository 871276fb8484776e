import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import type { SweepPreset } from "@/core/presets/sweep-presets";
import type { SweepDraft } from "./empty-sweep";
import { createSweepDraft } from "./sweep-draft";

/** What the form of a sweep has beyond that of a run; loaded when a sweep is wanted. */

export { SweepCard } from "./sweep-card";
export { readSweep } from "./sweep-draft";
export { SweepLaunch } from "./sweep-launch";

/** A ready sweep: as the form shows it, and the configuration that its runs begin with. */
export function openSweepPreset({ spec }: SweepPreset): { sweep: SweepDraft; config: RunConfig } {
  const ready = sweepSpecSchema.parse(spec);
  return {
    sweep: createSweepDraft(ready),
    config: runConfigSchema.parse({ ...ready.base, name: ready.name }),
  };
}
