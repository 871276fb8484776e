"use client";
import type { RunRow } from "@/app/_lib/live/trpc";
import { useGradually } from "@/app/_lib/hooks/use-gradually";
import { SelectionBox } from "./selection-box";
import type { Selection } from "./use-selection";
import { RunDuration } from "./run-duration";
import { RunHeadline, RunMenu, RunName, RunProgress, RunStates } from "./run-parts";

/** Cards that are drawn before all others: on a phone about a window of them; elsewhere none is seen. */
const FIRST_CARDS = 8;

/** The runs on a phone: the same facts as the table's row, stacked. */
export function RunCards({
  rows,
  folded,
  selection,
}: {
  rows: RunRow[];
  folded: boolean;
  selection: Selection;
}) {
  const drawn = useGradually(rows, FIRST_CARDS);
  return (
    <ul className="space-y-2">
      {drawn.map((run) => (
        <li key={run.id} className="relative rounded-lg border bg-card p-3" data-run={run.id}>
          <div className="flex items-start justify-between gap-2">
            <SelectionBox run={run} selection={selection} />
            <div className="min-w-0 flex-1">
              <RunName run={run} folded={folded} />
            </div>
            {run.sweep && folded ? null : <RunMenu run={run} />}
          </div>
          <div className="mt-2 flex items-center justify-between gap-3">
            <RunStates run={run} folded={folded} />
            {run.sweep && folded ? null : <RunHeadline run={run} />}
          </div>
          {run.sweep && folded ? null : (
            <div className="mt-2 flex items-end justify-between gap-4">
              <div className="min-w-0 flex-1">
                <RunProgress run={run} />
              </div>
              <span className="w-16 shrink-0 text-right text-xs text-muted-foreground">
                <RunDuration run={run} />
              </span>
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}
