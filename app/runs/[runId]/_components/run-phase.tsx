"use client";
import { Hourglass } from "lucide-react";
import { formatCount, formatDateTime } from "@/app/_lib/format";
import { computeProgressShare, formatProgress } from "@/app/_lib/run-view";
import type { RunDetail } from "@/app/_lib/trpc";
import { Progress } from "@/app/_ui/progress";
import { ErrorState } from "@/app/_ui/states";
import { TERMINAL_STATES } from "@/core/run/transitions";

/** How far the run is, or why it does not go on. Its height is the same in every state, so that nothing below moves. */
export function RunPhase({ run }: { run: RunDetail }) {
  if (run.state === "failed")
    return (
      <ErrorState
        className="mt-3"
        title={run.attempt > 1 ? `Failed after ${formatCount(run.attempt, "attempt")}` : "Failed"}
        error={{ message: run.error ?? "No reason was recorded." }}
      >
        <p className="mt-2 text-xs text-muted-foreground">
          Mend the cause, then resume: it goes on from the last checkpoint. The logs hold what
          happened before.
        </p>
      </ErrorState>
    );
  if (run.state === "queued")
    return (
      <p className="mt-3 flex min-h-10 items-center gap-2 text-muted-foreground" role="status">
        <Hourglass className="size-4" aria-hidden />{" "}
        {run.waitingFor ?? "Waiting for a worker with a free slot."}
      </p>
    );
  const tone =
    run.state === "succeeded" ? "good" : TERMINAL_STATES.has(run.state) ? "neutral" : "primary";
  return (
    <div className="mt-3 min-h-10">
      <Progress
        value={run.state === "succeeded" ? 1 : computeProgressShare(run.progress)}
        label="Progress of the phase"
        tone={tone}
      />
      <p className="mt-1.5 flex flex-wrap gap-x-3 text-xs text-muted-foreground">
        <span className="text-foreground">{describePhase(run)}</span>
        <span>{TERMINAL_STATES.has(run.state) ? "" : run.progress?.detail}</span>
      </p>
    </div>
  );
}

const capitalise = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function describePhase(run: RunDetail): string {
  const progress = formatProgress(run.progress);
  if (run.state === "succeeded")
    return run.endedAt ? `Finished ${formatDateTime(run.endedAt)}` : "Finished";
  if (run.state === "cancelled")
    return progress ? `Stopped while ${progress}` : "Stopped before it began";
  return capitalise(progress || run.state);
}
