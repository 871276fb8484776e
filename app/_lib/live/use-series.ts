"use client";
import {
  keepPreviousData,
  useQuery,
  useQueryClient,
  type QueryClient,
  type QueryKey,
} from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import type { MetricColumns, MetricSeries } from "@/contracts/api/metrics";
import { mergeSeries, toEntries, type MetricEntry } from "@/core/metrics/columns";
import { useTRPC, useTRPCClient } from "./trpc";

/** Points of a run by metric, in the order in which they were reported. */
export type Series = Readonly<Record<string, readonly MetricEntry[]>>;

/** Steps of a run, both ends included. */
export interface StepRange {
  from: number;
  to: number;
}

/** What is read of each series. */
interface SeriesReading {
  names: readonly string[];
  maxPoints?: number;
  /** Of each run only these steps, with so many points of their own: what a chart shows that is zoomed. */
  steps?: Readonly<Record<string, StepRange>>;
}

const MAX_POINTS = 500;
/** Runs in one call: their ids and cursors must fit into an address. */
const RUNS_A_CALL = 40;

type Answer = Record<string, MetricSeries>;

/**
 * The query of series of several runs. The first time everything is read, later only what came since: the cursors that
 * came with the points that are there say from where. So nothing is missed and nothing comes twice, however long the
 * connection was away.
 */
function buildSeriesQuery(
  trpc: ReturnType<typeof useTRPC>,
  client: ReturnType<typeof useTRPCClient>,
  queryClient: QueryClient,
  runIds: readonly string[],
  { names, maxPoints = MAX_POINTS, steps }: SeriesReading,
) {
  const input = { runIds: [...runIds], names: [...names], maxPoints };
  const whole: QueryKey = trpc.metrics.seriesOfRuns.queryOptions(input).queryKey;
  const queryKey = steps ? [...whole, steps] : whole;
  return {
    queryKey,
    queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Answer> => {
      const before = queryClient.getQueryData<Answer>(queryKey);
      const since = listCursors(before ?? {}, maxPoints);
      const calls = listCalls(runIds, steps).map((part) => {
        const known = Object.entries(since).filter(([runId]) => part.runIds.includes(runId));
        return client.metrics.seriesOfRuns.query(
          { ...input, ...part, since: Object.fromEntries(known) },
          { signal },
        );
      });
      return mergeAnswers(before, Object.assign({}, ...(await Promise.all(calls))) as Answer);
    },
    // A merge keeps what did not change; comparing a hundred thousand numbers would only take time.
    structuralSharing: false,
  };
}

/** Runs by the steps that are read of them, at most so many in one call. */
function listCalls(
  runIds: readonly string[],
  steps: SeriesReading["steps"],
): ({ runIds: string[] } & Partial<StepRange>)[] {
  const calls = new Map<string, { runIds: string[] } & Partial<StepRange>>();
  const counts = new Map<string, number>();
  for (const runId of runIds) {
    const range = steps?.[runId];
    const key = `${range?.from} ${range?.to}`;
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    const call = `${key} ${Math.floor(count / RUNS_A_CALL)}`;
    const there = calls.get(call);
    if (there) there.runIds.push(runId);
    else calls.set(call, { runIds: [runId], ...range });
  }
  return [...calls.values()];
}

/** Cursors of the runs whose series have not grown so long that they should be read coarser. */
function listCursors(before: Answer, maxPoints: number): Record<string, string> {
  const short = Object.entries(before).filter(([, { series }]) =>
    Object.values(series).every(({ values }) => values.length <= 2 * maxPoints),
  );
  return Object.fromEntries(short.map(([runId, { cursor }]) => [runId, cursor]));
}

function mergeAnswers(before: Answer | undefined, answer: Answer): Answer {
  const merged = Object.entries(answer).map(
    ([runId, series]) => [runId, mergeSeries(before?.[runId], series)] as const,
  );
  const isSame = before && merged.every(([runId, series]) => before[runId] === series);
  return isSame ? before : Object.fromEntries(merged);
}

/** Points of columns; the same columns always give the same points, so that an unchanged chart is not drawn again. */
const POINTS = new WeakMap<MetricColumns, readonly MetricEntry[]>();
function getPoints(columns: MetricColumns): readonly MetricEntry[] {
  const points = POINTS.get(columns) ?? toEntries(columns);
  POINTS.set(columns, points);
  return points;
}

const SERIES = new WeakMap<MetricSeries, Series>();
function getSeries(answer: MetricSeries): Series {
  const known = SERIES.get(answer);
  if (known) return known;
  const series = Object.fromEntries(
    Object.entries(answer.series).map(([name, columns]) => [name, getPoints(columns)]),
  );
  SERIES.set(answer, series);
  return series;
}

const selectAll = (answer: Answer): Readonly<Record<string, Series>> =>
  Object.fromEntries(Object.entries(answer).map(([runId, series]) => [runId, getSeries(series)]));

function useSeriesQuery(runIds: readonly string[], reading: SeriesReading) {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const queryClient = useQueryClient();
  return {
    ...buildSeriesQuery(trpc, client, queryClient, runIds, reading),
    enabled: runIds.length > 0 && reading.names.length > 0,
    placeholderData: keepPreviousData<Answer>,
  };
}

/** Series of several runs, by run; live events bring what is new. */
export function useSeriesOfRuns(runIds: readonly string[], reading: SeriesReading) {
  return useQuery({ ...useSeriesQuery(runIds, reading), select: selectAll });
}

/** The series of a run; live events bring what is new. */
export function useSeries(runId: string, names: readonly string[]) {
  const select = useCallback(
    (answer: Answer): Series | undefined => answer[runId] && getSeries(answer[runId]),
    [runId],
  );
  return useQuery({ ...useSeriesQuery([runId], { names }), select });
}

/**
 * Begins to read the series of a run in the browser, before the component that shows them is there. While the page is
 * drawn, as an effect comes only after everything on it.
 */
export function usePrefetchSeries(runId: string, names: readonly string[]): void {
  const queryClient = useQueryClient();
  const { enabled, ...query } = useSeriesQuery([runId], { names });
  const isWanted = typeof window !== "undefined" && enabled;
  if (isWanted && queryClient.getQueryState(query.queryKey) === undefined)
    void queryClient.prefetchQuery(query);
}

/** The last value of a series; null where there is none. */
export function useLatest(series: Series | undefined, name: string): number | null {
  return useMemo(() => series?.[name]?.at(-1)?.value ?? null, [series, name]);
}
