"use client";
import { useQueries } from "@tanstack/react-query";
import { useTRPC } from "@/app/_lib/live/trpc";
import type { EpisodePhase } from "@/contracts/records/episode";
import { computeBreakdown, COUNTED, type Breakdown } from "./breakdown";

/** Counts of a run's episodes by quadrant. */
export function useBreakdown(runId: string, phase: EpisodePhase): Breakdown | null {
  const trpc = useTRPC();
  return useQueries({
    queries: COUNTED.map((filter) =>
      trpc.episodes.summary.queryOptions(
        { runId, phase, filter },
        { select: (summary) => summary.total },
      ),
    ),
    combine: (results) => {
      const totals = results.map((r) => r.data);
      if (totals.some((t) => t === undefined)) return null;
      return computeBreakdown(
        Object.fromEntries(COUNTED.map((filter, i) => [filter, totals[i] ?? 0])) as Record<
          (typeof COUNTED)[number],
          number
        >,
      );
    },
  });
}
