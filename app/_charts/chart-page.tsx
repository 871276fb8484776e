"use client";
import { useDeferredValue, useMemo, type ReactNode } from "react";
import { ChartScopeProvider } from "./drawing/chart-scope";
import { ChartToolbar } from "./chart-toolbar";
import type { ChartMarker } from "./prepare/marks";
import { MARKER_KINDS, type MarkerKind } from "./prepare/settings";
import type { ChartSettingsState } from "./use-chart-settings";
import { X_KINDS, type Tracks, type XKind } from "./prepare/x-axis";

interface ChartPageProps {
  state: ChartSettingsState;
  /** What the horizontal axis can count beside steps. */
  tracks?: Tracks;
  /** The same, where each series has tracks of its own. */
  kinds?: readonly XKind[];
  /** What happened in the run, for every chart. */
  markers?: readonly ChartMarker[];
  /** The run whose metrics they draw; absent: several. */
  runId?: string;
  /** Its charts are marked with the alarms of what they draw. */
  hasAlarms?: boolean;
  children: ReactNode;
}

const NO_MARKERS: readonly ChartMarker[] = [];

/** A toolbar and the charts below it, which share its settings, one zoom and one hovered place. */
export function ChartPage({
  state,
  tracks,
  kinds,
  markers = NO_MARKERS,
  runId,
  hasAlarms = false,
  children,
}: ChartPageProps) {
  // Charts are drawn again when the pointer has rested: the slider itself moves at once.
  const drawn = useDeferredValue(state.settings);
  const markerKinds = useMemo(
    () => MARKER_KINDS.filter((kind) => hasKind(markers, kind) || (kind === "alarm" && hasAlarms)),
    [markers, hasAlarms],
  );
  const measured = useMemo(
    () => kinds ?? X_KINDS.filter((kind) => kind === "step" || tracks?.[kind]),
    [kinds, tracks],
  );
  return (
    <ChartScopeProvider
      settings={drawn}
      tracks={tracks}
      kinds={kinds}
      zoom={state.zoom}
      markers={markers}
      runId={runId}
    >
      <ChartToolbar state={state} kinds={measured} markers={markerKinds} />
      {children}
    </ChartScopeProvider>
  );
}

const hasKind = (markers: readonly ChartMarker[], kind: MarkerKind): boolean =>
  markers.some((marker) => marker.kind === kind);
