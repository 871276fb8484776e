"use client";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { listMarkers, type ChartMarker } from "@/app/_charts/marks";
import type { Zoom } from "@/app/_charts/settings";
import { useChartSettings, type ChartSettingsState } from "@/app/_charts/use-chart-settings";
import { buildTracks, findStep, type Tracks } from "@/app/_charts/x-axis";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type RunDetail } from "@/app/_lib/trpc";
import { useSeries, type Series } from "@/app/_lib/use-series";
import { EVALUATION_METRIC } from "./train-metrics";

/** How long the zoom must rest before points are asked for. */
const REST_MS = 200;

export interface RunCharts {
  state: ChartSettingsState;
  tracks: Tracks;
  markers: readonly ChartMarker[];
  /** The steps that are zoomed to; null: all. */
  steps: { from: number; to: number } | null;
}

/** What the charts of a run share: its axes, what happened in it, and which of its steps are shown. */
export function useRunCharts(run: RunDetail, series: Series): RunCharts {
  const state = useChartSettings();
  const tracks = useMemo(() => buildTracks(series), [series]);
  const markers = useRunMarkers(run, series);
  const zoom = useRestingZoom(state);
  const steps = useMemo(() => {
    if (!zoom) return null;
    const { x } = state.settings;
    const track = (x !== "step" && tracks[x]) || null;
    const [from, to] = zoom.map((end) => findStep(track, end));
    return { from: Math.floor(from!), to: Math.ceil(to!) };
  }, [zoom, state.settings, tracks]);
  return { state, tracks, markers, steps };
}

const NO_NAMES: readonly string[] = [];

/**
 * The steps in sight in full resolution, of those series that the whole run's points are coarser than; undefined while
 * nothing is zoomed or nothing is coarser.
 */
export function useDetail(
  runId: string,
  series: Series,
  steps: RunCharts["steps"],
): Series | undefined {
  const names = useMemo(
    () => Object.keys(series).filter((name) => series[name]!.some(({ count }) => count > 1)),
    [series],
  );
  const query = useSeries(runId, steps ? names : NO_NAMES, steps ?? {});
  return steps && names.length > 0 ? query.data : undefined;
}

function useRestingZoom({ zoom }: ChartSettingsState): Zoom | null {
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

/** Restarts, checkpoints and evaluations of a run. */
function useRunMarkers(run: RunDetail, series: Series): readonly ChartMarker[] {
  const t = useText();
  const trpc = useTRPC();
  const checkpoints = useQuery(
    trpc.runs.checkpoints.queryOptions({ id: run.id }, { enabled: run.config.kind === "train" }),
  );
  const evaluations = series[EVALUATION_METRIC];
  return useMemo(
    () => [
      ...listMarkers(
        "restart",
        t("Restart"),
        run.attempts.filter(({ number }) => number > 1).map(({ fromStep }) => fromStep ?? 0),
      ),
      ...listMarkers(
        "checkpoint",
        t("Checkpoint"),
        (checkpoints.data ?? []).map(({ step }) => step),
      ),
      ...listMarkers(
        "evaluation",
        t("Evaluation"),
        (evaluations ?? []).map(({ step }) => step),
      ),
    ],
    [t, run.attempts, checkpoints.data, evaluations],
  );
}
