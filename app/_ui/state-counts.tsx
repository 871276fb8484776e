import { runStateSchema, type RunState } from "@/contracts/records/run-state";
import { Badge } from "./badge";
import { RUN_TONE } from "./run-state";

/** How many runs of a group are in each state, in the order of a run's life. */
export function StateCounts({ counts }: { counts: Partial<Record<RunState, number>> }) {
  return (
    <span className="inline-flex flex-wrap gap-1">
      {runStateSchema.options.map((state) =>
        counts[state] ? (
          <Badge key={state} tone={RUN_TONE[state].tone} data-state-count={state}>
            {counts[state]} {state}
          </Badge>
        ) : null,
      )}
    </span>
  );
}
