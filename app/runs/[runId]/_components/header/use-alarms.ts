"use client";
import { useQuery } from "@tanstack/react-query";
import { useTRPC, type AlarmRow } from "@/app/_lib/live/trpc";

const NO_ALARMS: readonly AlarmRow[] = [];

/** Alarms of a run, the one raised last first; live events refresh them. */
export function useAlarms(runId: string) {
  const trpc = useTRPC();
  const query = useQuery(trpc.alarms.list.queryOptions({ runId }));
  return { ...query, alarms: query.data ?? NO_ALARMS };
}
