"use client";
import { useEffect, useMemo, useState } from "react";
import { useSeriesOfRuns, type Series, type StepRange } from "@/app/_lib/live/use-series";
import type { Zoom } from "./prepare/settings";
import type { Store } from "./drawing/store";

/** How long the zoom must rest before points are asked for. */
const REST_MS = 200;

const NO_IDS: readonly string[] = [];

/** The zoom, once nobody changes it any more. */
export function useRestingZoom(zoom: Store<Zoom | null>): Zoom | null {
  const [resting, setResting] = useState(zoom.get);
  useEffect(() => {
    let wait: ReturnType<typeof setTimeout>;
    const unsubscribe = zoom.subscribe(() => {
      clearTimeout(wait);
      wait = setTimeout(() => setResting(zoom.get()), REST_MS);
    });
    return () => {
      clearTimeout(wait);
      unsubscribe();
    };
  }, [zoom]);
  return resting;
}

/**
 * The steps in sight in full resolution, of those series that the whole runs' points are coarser than; undefined while
 * nothing is zoomed or nothing is coarser.
 *
 * @param steps of each run; null: all
 */
export function useDetailOfRuns(
  series: Readonly<Record<string, Series>>,
  steps: Readonly<Record<string, StepRange>> | null,
): Readonly<Record<string, Series>> | undefined {
  const names = useMemo(() => {
    const ofRuns = Object.values(series).flatMap((ofRun) => Object.entries(ofRun));
    const coarse = ofRuns.filter(([, points]) => points.some(({ count }) => count > 1));
    return [...new Set(coarse.map(([name]) => name))];
  }, [series]);
  const isAsked = steps !== null && names.length > 0;
  const query = useSeriesOfRuns(isAsked ? Object.keys(steps) : NO_IDS, {
    names,
    ...(steps && { steps }),
  });
  return isAsked ? query.data : undefined;
}

/** The same of one run. */
export function useDetail(
  runId: string,
  series: Series,
  steps: StepRange | null,
): Series | undefined {
  const ofRun = useMemo(() => ({ [runId]: series }), [runId, series]);
  const stepsOfRun = useMemo(() => steps && { [runId]: steps }, [runId, steps]);
  return useDetailOfRuns(ofRun, stepsOfRun)?.[runId];
}
