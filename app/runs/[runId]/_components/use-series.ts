"use client";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Point } from "@/app/_charts/prepare";
import { useTRPC } from "@/app/_lib/trpc";
import type { MetricName } from "@/core/metrics/metric-table";

export type Series = Readonly<Record<string, readonly Point[]>>;

const MAX_POINTS = 500;

/** One key for one set of series, so that what was prefetched is found. */
export const buildSeriesInput = (runId: string, names: readonly MetricName[]) => ({
  runId,
  names: [...names],
  maxPoints: MAX_POINTS,
});

/** The series of a run; live events refresh them. */
export function useSeries(runId: string, names: readonly MetricName[]) {
  const trpc = useTRPC();
  const query = useQuery(
    trpc.metrics.series.queryOptions(buildSeriesInput(runId, names), {
      placeholderData: keepPreviousData,
      // Without the dates, unchanged series keep their identity and their charts are not drawn again.
      select: (series): Series =>
        Object.fromEntries(
          Object.entries(series).map(([name, points]) => [
            name,
            points.map(({ step, value, min, max }) => ({ step, value, min, max })),
          ]),
        ),
    }),
  );
  return query;
}

/** The last value of a series; null where there is none. */
export function useLatest(series: Series | undefined, name: MetricName): number | null {
  return useMemo(() => series?.[name]?.at(-1)?.value ?? null, [series, name]);
}
