"use client";
import { formatSeconds } from "@/app/_lib/format";
import { computeRunSeconds } from "@/app/_lib/run-view";
import type { RunRow } from "@/app/_lib/trpc";
import { useNow } from "@/app/_lib/use-now";

/** How long a run took, or takes so far. */
export function RunDuration({ run }: { run: Pick<RunRow, "startedAt" | "endedAt"> }) {
  return <>{formatSeconds(computeRunSeconds(run, useNow()))}</>;
}
