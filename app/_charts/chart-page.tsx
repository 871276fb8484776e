"use client";
import { useDeferredValue, useMemo, type ReactNode } from "react";
import { ChartScopeProvider } from "./chart-scope";
import { ChartToolbar } from "./chart-toolbar";
import type { ChartMarker } from "./marks";
import { MARKER_KINDS, type MarkerKind } from "./settings";
import type { ChartSettingsState } from "./use-chart-settings";
import type { Tracks } from "./x-axis";

interface ChartPageProps {
  state: ChartSettingsState;
  /** What the horizontal axis can count beside steps. */
  tracks?: Tracks;
  /** What happened in the run, for every chart. */
  markers?: readonly ChartMarker[];
  children: ReactNode;
}

const NO_MARKERS: readonly ChartMarker[] = [];

/** A toolbar and the charts below it, which share its settings, one zoom and one hovered place. */
export function ChartPage({ state, tracks, markers = NO_MARKERS, children }: ChartPageProps) {
  // Charts are drawn again when the pointer has rested: the slider itself moves at once.
  const drawn = useDeferredValue(state.settings);
  const kinds = useMemo(
    () => MARKER_KINDS.filter((kind) => kind === "alarm" || hasKind(markers, kind)),
    [markers],
  );
  return (
    <ChartScopeProvider settings={drawn} tracks={tracks} zoom={state.zoom} markers={markers}>
      <ChartToolbar state={state} tracks={tracks} markers={kinds} />
      {children}
    </ChartScopeProvider>
  );
}

const hasKind = (markers: readonly ChartMarker[], kind: MarkerKind): boolean =>
  markers.some((marker) => marker.kind === kind);
