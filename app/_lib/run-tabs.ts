import { markText } from "@/app/_i18n/format-text";
import type { RunKind } from "@/contracts/records/run-state";

/** The parts of a run's page, as the address names them (`?tab=logs`); shown by `t(tab)`. */
export const RUN_TABS = [
  markText("overview"),
  markText("metrics"),
  markText("episodes"),
  markText("questions"),
  markText("logs"),
  markText("checkpoints"),
  markText("configuration"),
  markText("history"),
] as const;
export type RunTab = (typeof RUN_TABS)[number];

/** Whether another trainer reports the run. */
export const isOtherTrainers = (kind: RunKind | undefined): boolean =>
  kind === "external" || kind === "command";

/** The tabs that a kind of run has something for. @param hasRollouts another trainer has reported episodes */
export function listRunTabs(kind: RunKind, hasRollouts: boolean): RunTab[] {
  const isTraining = kind === "train";
  return RUN_TABS.filter((tab) => {
    if (tab === "checkpoints" || tab === "questions") return isTraining;
    // Its overview shows every metric.
    if (tab === "metrics" && isOtherTrainers(kind)) return false;
    return tab !== "episodes" || isTraining || kind === "predict" || hasRollouts;
  });
}
