"use client";
import { formatSeconds } from "@/app/_lib/format/format";
import { computeRunSeconds } from "@/app/_lib/run-view";
import type { RunRow } from "@/app/_lib/live/trpc";
import { useNow } from "@/app/_lib/hooks/use-now";

/** How long a run took, or takes so far. */
export function RunDuration({ run }: { run: Pick<RunRow, "startedAt" | "endedAt"> }) {
  return <>{formatSeconds(computeRunSeconds(run, useNow()))}</>;
}
