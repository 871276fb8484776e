import { markText, type Text } from "@/app/_i18n/format-text";
import { type RunState } from "@/contracts/records/run-state";
import { RUN_STATES } from "@/contracts/records/run-states";
import { TERMINAL_STATES } from "@/core/run/transitions";
import type { Progress } from "@/contracts/worker-protocol/reports";
import { formatBytes, formatInteger, formatWords } from "./format/format";

/** States as people filter by them; the labels are shown by `t(label)`. */
export const STATE_FILTERS = {
  all: { label: markText("All"), states: undefined },
  active: {
    label: markText("Active"),
    states: RUN_STATES.filter((state) => !TERMINAL_STATES.has(state)),
  },
  succeeded: { label: markText("Succeeded"), states: ["succeeded"] },
  failed: { label: markText("Failed"), states: ["failed"] },
  cancelled: { label: markText("Cancelled"), states: ["cancelled"] },
} as const satisfies Record<string, { label: string; states: readonly RunState[] | undefined }>;
export type StateFilter = keyof typeof STATE_FILTERS;

/** Whether a text of the address names a filter by state. */
export const isStateFilter = (value: string | null): value is StateFilter =>
  value !== null && value in STATE_FILTERS;

/** How many runs a filter would show. */
export function countRuns(filter: StateFilter, counts: Partial<Record<RunState, number>>): number {
  const states: readonly RunState[] = STATE_FILTERS[filter].states ?? RUN_STATES;
  return states.reduce((sum, s) => sum + (counts[s] ?? 0), 0);
}

/** Seconds that a run took, or takes so far; null before it starts. */
export function computeRunSeconds(
  run: { startedAt: Date | null; endedAt: Date | null },
  now: number,
): number | null {
  if (!run.startedAt) return null;
  const end = run.endedAt ? run.endedAt.getTime() : now;
  return Math.max(0, (end - run.startedAt.getTime()) / 1000);
}

/** Share of a phase that is done, 0..1; null where it is not counted. */
export function computeProgressShare(progress: Progress | null): number | null {
  return progress && progress.total > 0 ? progress.done / progress.total : null;
}

/** "training 12 / 20", "importing 1.5 GiB / 14 GiB". */
export function formatProgress(t: Text, progress: Progress | null): string {
  if (!progress) return "";
  // An import counts the bytes of its source.
  const format = progress.phase === "importing" ? formatBytes : formatInteger;
  const count = progress.total > 0 ? ` ${format(progress.done)} / ${format(progress.total)}` : "";
  return `${formatWords(t, progress.phase)}${count}`;
}
