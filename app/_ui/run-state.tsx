"use client";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "./cn";
import { formatWords } from "@/app/_lib/format/format";
import type { RunKind, RunState } from "@/contracts/records/run-state";
import { Badge, type BadgeTone } from "./badge";

const TONES: Record<RunState, { tone: BadgeTone; moving: boolean }> = {
  queued: { tone: "neutral", moving: false },
  leased: { tone: "primary", moving: true },
  preparing: { tone: "primary", moving: true },
  running: { tone: "primary", moving: true },
  stalled: { tone: "warn", moving: false },
  pausing: { tone: "warn", moving: true },
  paused: { tone: "warn", moving: false },
  cancelling: { tone: "warn", moving: true },
  succeeded: { tone: "good", moving: false },
  failed: { tone: "bad", moving: false },
  cancelled: { tone: "outline", moving: false },
};

/** The colour of a state. A training that came to its end may have collapsed: that it has succeeded is no praise there. */
export const getStateTone = (state: RunState, kind: RunKind | undefined): BadgeTone =>
  kind === "train" && state === "succeeded" ? "neutral" : TONES[state].tone;

interface RunStateBadgeProps {
  state: RunState;
  className?: string;
  /** The run's, where trainings are among those that are shown. */
  kind?: RunKind;
}

/** A run's state; the dot moves while a worker has the run. */
export function RunStateBadge({ state, className, kind }: RunStateBadgeProps) {
  const t = useText();
  const { moving } = TONES[state];
  return (
    <Badge tone={getStateTone(state, kind)} className={className} data-run-state={state}>
      <span
        aria-hidden
        className={cn("size-1.5 rounded-full bg-current", moving && "motion-safe:animate-pulse")}
      />
      {formatWords(t, state)}
    </Badge>
  );
}
