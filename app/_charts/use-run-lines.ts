"use client";
import { useMemo } from "react";
import { useSeriesOfRuns } from "@/app/_lib/live/use-series";
import { useChartScope } from "./drawing/chart-scope";
import type { LineSeries } from "./prepare/view";
import {
  buildRunLines,
  buildTracksOfRuns,
  type LineGroup,
  type SeriesOfRuns,
  type TracksOfRuns,
} from "./prepare/run-lines";
import { useDetailOfRuns, useRestingZoom } from "./use-detail";
import { findStepRange, type Track, type XKind } from "./prepare/x-axis";

const NO_IDS: readonly string[] = [];
const NO_SERIES: SeriesOfRuns = {};
const NO_TRACKS: TracksOfRuns = {};

/**
 * Where the steps of runs stand on another axis; read when it is chosen.
 *
 * @param clocks by run: see `chooseClockMetrics`
 */
export function useTracksOfRuns(clocks: Readonly<Record<string, readonly string[]>>, kind: XKind) {
  const isNeeded = kind !== "step";
  const runIds = useMemo(() => (isNeeded ? Object.keys(clocks) : NO_IDS), [isNeeded, clocks]);
  const names = useMemo(
    () => [...new Set(Object.values(clocks).flat())].slice(0, MOST_NAMES),
    [clocks],
  );
  const query = useSeriesOfRuns(runIds, { names });
  const tracks = useMemo(
    () => buildTracksOfRuns(query.data ?? NO_SERIES, clocks),
    [query.data, clocks],
  );
  const isPending = isNeeded && names.length > 0 && query.isPending;
  return { query, tracks: isNeeded ? tracks : NO_TRACKS, isPending };
}

/** Names of metrics in one request. */
const MOST_NAMES = 100;

interface RunLinesReading {
  /** Runs that are read; none while nothing is in sight. */
  runIds: readonly string[];
  groups: readonly LineGroup[];
  metric: string;
  tracks: TracksOfRuns;
  maxPoints: number;
}

/** The curves of one metric of several runs on the axis of the page, the part that is zoomed to in full resolution. */
export function useRunLines({ runIds, groups, metric, tracks, maxPoints }: RunLinesReading) {
  const { xKind, zoom: store } = useChartScope();
  const zoom = useRestingZoom(store);
  const names = useMemo(() => [metric], [metric]);
  const query = useSeriesOfRuns(runIds, { names, maxPoints });
  const series = query.data ?? NO_SERIES;
  const steps = useMemo(() => {
    if (!zoom || runIds.length === 0) return null;
    const placed = runIds.filter((id) => xKind === "step" || tracks[id]?.[xKind]);
    const findTrack = (id: string): Track | null =>
      xKind === "step" ? null : (tracks[id]?.[xKind] ?? null);
    return Object.fromEntries(placed.map((id) => [id, findStepRange(findTrack(id), zoom)]));
  }, [zoom, runIds, xKind, tracks]);
  const detail = useDetailOfRuns(series, steps);
  const lines = useMemo<LineSeries[]>(
    () => buildRunLines({ metric, groups, series, detail, xKind, tracks }),
    [metric, groups, series, detail, xKind, tracks],
  );
  return { query, lines };
}
