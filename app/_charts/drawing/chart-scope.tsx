"use client";
import {
  createContext,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import { queueDrawing } from "./draw-queue";
import type { ChartMarker } from "@/app/_charts/prepare/marks";
import { DEFAULT_SETTINGS, type ChartSettings, type Zoom } from "@/app/_charts/prepare/settings";
import { createStore, type Store } from "./store";
import type { Track, Tracks, XKind, XName } from "@/app/_charts/prepare/x-axis";

/** What the charts of a page share. */
export interface ChartScope {
  settings: ChartSettings;
  /** What the horizontal axis counts; steps where nothing has measured what was asked for. */
  xKind: XKind;
  /** What one of it is called: "step". */
  xName: XName;
  /** Where steps stand; null: at themselves, or where each series has a track of its own. */
  track: Track | null;
  /** The place under the pointer. */
  hover: Store<number | null>;
  zoom: Store<Zoom | null>;
  /** A toolbar shows the zoom, and takes it back. */
  hasToolbar: boolean;
  /** What happened at which step, for every chart. */
  markers: readonly ChartMarker[];
  /** The run whose metrics the cards draw; null: several. */
  runId: string | null;
}

const NO_MARKERS: readonly ChartMarker[] = [];

const createScope = (): ChartScope => ({
  settings: DEFAULT_SETTINGS,
  xKind: "step",
  xName: "step",
  track: null,
  hover: createStore<number | null>(null),
  zoom: createStore<Zoom | null>(null),
  hasToolbar: false,
  markers: NO_MARKERS,
  runId: null,
});

const ChartScopeContext = createContext<ChartScope>(createScope());

export const useChartScope = (): ChartScope => useContext(ChartScopeContext);

interface ChartScopeProviderProps {
  /** Absent: those of the charts around it. */
  settings?: ChartSettings;
  /** What the horizontal axis can count beside steps. */
  tracks?: Tracks;
  /** The same, where each series has tracks of its own. */
  kinds?: readonly XKind[];
  /** What the axis counts where it is not the run's steps: then it counts nothing else. */
  xName?: XName;
  /** That of a toolbar; absent: their own. */
  zoom?: Store<Zoom | null>;
  markers?: readonly ChartMarker[];
  /** Absent: that of the charts around it. */
  runId?: string;
  children: ReactNode;
}

/** The charts below it share one hovered place, one zoom and one way of drawing. */
export function ChartScopeProvider({
  settings,
  tracks,
  kinds,
  xName = "step",
  zoom,
  markers = NO_MARKERS,
  runId,
  children,
}: ChartScopeProviderProps) {
  const around = useChartScope();
  const ofRun = runId ?? around.runId;
  const [own] = useState(createScope);
  const used = settings ?? around.settings;
  const track = (used.x !== "step" && tracks?.[used.x]) || null;
  const xKind = track || kinds?.includes(used.x) ? used.x : "step";
  const scope = useMemo<ChartScope>(
    () => ({
      settings: used,
      xKind,
      xName,
      track,
      hover: own.hover,
      zoom: zoom ?? own.zoom,
      hasToolbar: zoom !== undefined,
      markers,
      runId: ofRun,
    }),
    [used, xKind, track, xName, own, zoom, markers, ofRun],
  );
  return <ChartScopeContext value={scope}>{children}</ChartScopeContext>;
}

const getNull = (): null => null;

/** The hovered place of the page; null where the pointer is on no chart. */
export function useHoveredX(): number | null {
  const { hover } = useChartScope();
  return useSyncExternalStore(hover.subscribe, hover.get, getNull);
}

/** The page's zoom, at once: for controls. */
export function useZoom(): Zoom | null {
  const { zoom } = useChartScope();
  return useSyncExternalStore(zoom.subscribe, zoom.get, getNull);
}

/** The page's zoom, for a plot: other plots than the one under the pointer follow one after the other. */
export function useDrawnZoom(isActive: () => boolean): Zoom | null {
  const { zoom } = useChartScope();
  const [drawn, setDrawn] = useState(zoom.get);
  useEffect(() => {
    let cancel = (): void => undefined;
    const follow = (): void => {
      cancel();
      if (isActive()) setDrawn(zoom.get());
      else cancel = queueDrawing(() => setDrawn(zoom.get()));
    };
    follow();
    const unsubscribe = zoom.subscribe(follow);
    return () => {
      cancel();
      unsubscribe();
    };
  }, [zoom, isActive]);
  return drawn;
}
