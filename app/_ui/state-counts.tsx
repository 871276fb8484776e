"use client";
import { useText } from "@/app/_i18n/text-provider";
import { formatWords } from "@/app/_lib/format/format";
import type { RunKind, RunState } from "@/contracts/records/run-state";
import { RUN_STATES } from "@/contracts/records/run-states";
import { Badge } from "./badge";
import { getStateTone } from "./run-state";

interface StateCountsProps {
  counts: Partial<Record<RunState, number>>;
  kind: RunKind;
}

/** How many runs of a group are in each state, in the order of a run's life. */
export function StateCounts({ counts, kind }: StateCountsProps) {
  const t = useText();
  return (
    <span className="inline-flex flex-wrap gap-1">
      {RUN_STATES.map((state) =>
        counts[state] ? (
          <Badge key={state} tone={getStateTone(state, kind)} data-state-count={state}>
            {counts[state]} {formatWords(t, state)}
          </Badge>
        ) : null,
      )}
    </span>
  );
}
