import { cn } from "@/app/_lib/cn";
import type { RunState } from "@/contracts/records/run-state";
import { Badge, type BadgeTone } from "./badge";

export const RUN_TONE: Record<RunState, { tone: BadgeTone; moving: boolean }> = {
  queued: { tone: "neutral", moving: false },
  leased: { tone: "primary", moving: true },
  preparing: { tone: "primary", moving: true },
  running: { tone: "primary", moving: true },
  cancelling: { tone: "warn", moving: true },
  succeeded: { tone: "good", moving: false },
  failed: { tone: "bad", moving: false },
  cancelled: { tone: "outline", moving: false },
};

/** A run's state; the dot moves while a worker has the run. */
export function RunStateBadge({ state, className }: { state: RunState; className?: string }) {
  const { tone, moving } = RUN_TONE[state];
  return (
    <Badge tone={tone} className={className} data-run-state={state}>
      <span
        aria-hidden
        className={cn("size-1.5 rounded-full bg-current", moving && "motion-safe:animate-pulse")}
      />
      {state}
    </Badge>
  );
}
