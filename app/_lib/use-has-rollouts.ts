"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { isOtherTrainers } from "./run-tabs";
import { useTRPC, type RunDetail } from "./live/trpc";

/** Whether another trainer has reported episodes of a run; false of all others, and while it is not known. */
export function useHasRollouts(run: Pick<RunDetail, "id" | "kind"> | undefined): boolean {
  const trpc = useTRPC();
  const isReported = run !== undefined && isOtherTrainers(run.kind);
  const { data } = useQuery(
    trpc.externalRuns.get.queryOptions(isReported ? { runId: run.id } : skipToken),
  );
  return (data?.episodes ?? 0) > 0;
}
