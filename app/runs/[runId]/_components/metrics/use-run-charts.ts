"use client";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { listMarkers, type ChartMarker } from "@/app/_charts/prepare/marks";
import { useChartSettings, type ChartSettingsState } from "@/app/_charts/use-chart-settings";
import { useRestingZoom } from "@/app/_charts/use-detail";
import { buildTracks, findStepRange, type Tracks } from "@/app/_charts/prepare/x-axis";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC, type RunDetail } from "@/app/_lib/live/trpc";
import type { Series, StepRange } from "@/app/_lib/live/use-series";
import { EVALUATION_METRIC } from "./train-metrics";

export interface RunCharts {
  state: ChartSettingsState;
  tracks: Tracks;
  markers: readonly ChartMarker[];
  /** The steps that are zoomed to; null: all. */
  steps: StepRange | null;
}

/** What the charts of a run share: its axes, what happened in it, and which of its steps are shown. */
export function useRunCharts(run: RunDetail, series: Series): RunCharts {
  const state = useChartSettings();
  const tracks = useMemo(() => buildTracks(series), [series]);
  const markers = useRunMarkers(run, series);
  const zoom = useRestingZoom(state.zoom);
  const steps = useMemo(() => {
    if (!zoom) return null;
    const { x } = state.settings;
    const track = (x !== "step" && tracks[x]) || null;
    return findStepRange(track, zoom);
  }, [zoom, state.settings, tracks]);
  return { state, tracks, markers, steps };
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
