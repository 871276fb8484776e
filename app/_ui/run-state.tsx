"use client";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "./cn";
import { formatWords } from "@/app/_lib/format/format";
import type { RunState } from "@/contracts/records/run-state";
import { Badge, type BadgeTone } from "./badge";

export const RUN_TONE: Record<RunState, { tone: BadgeTone; moving: boolean }> = {
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

interface RunStateBadgeProps {
  state: RunState;
  className?: string;
  /** Having succeeded is no success: something beside it says how the run came out. */
  isPlain?: boolean;
}

/** A run's state; the dot moves while a worker has the run. */
export function RunStateBadge({ state, className, isPlain = false }: RunStateBadgeProps) {
  const t = useText();
  const { moving, ...colour } = RUN_TONE[state];
  const tone = isPlain && state === "succeeded" ? "neutral" : colour.tone;
  return (
    <Badge tone={tone} className={className} data-run-state={state}>
      <span
        aria-hidden
        className={cn("size-1.5 rounded-full bg-current", moving && "motion-safe:animate-pulse")}
      />
      {formatWords(t, state)}
    </Badge>
  );
}
