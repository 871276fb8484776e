"use client";
import { useText } from "@/app/_i18n/text-provider";
import { formatWords } from "@/app/_lib/format/format";
import type { RunState } from "@/contracts/records/run-state";
import { RUN_STATES } from "@/contracts/records/run-states";
import { Badge } from "./badge";
import { RUN_TONE } from "./run-state";

/** How many runs of a group are in each state, in the order of a run's life. */
export function StateCounts({ counts }: { counts: Partial<Record<RunState, number>> }) {
  const t = useText();
  return (
    <span className="inline-flex flex-wrap gap-1">
      {RUN_STATES.map((state) =>
        counts[state] ? (
          <Badge key={state} tone={RUN_TONE[state].tone} data-state-count={state}>
            {counts[state]} {formatWords(t, state)}
          </Badge>
        ) : null,
      )}
    </span>
  );
}
