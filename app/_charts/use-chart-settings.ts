"use client";
import { useSearchParams } from "next/navigation";
import { useCallback, useEffect, useMemo, useState } from "react";
import { replaceParams } from "@/app/_lib/hooks/use-params";
import {
  DEFAULT_SETTINGS,
  formatSettings,
  formatZoom,
  parseSettings,
  parseZoom,
  type ChartSettings,
  type Zoom,
} from "./prepare/settings";
import { createStore, type Store } from "./drawing/store";

const STORAGE_KEY = "s3:charts";
/** How long the zoom must rest before it stands in the address. */
const REST_MS = 300;

/** The settings that were used last in this browser. */
function readRemembered(): ChartSettings {
  try {
    const stored = new URLSearchParams(localStorage.getItem(STORAGE_KEY) ?? "");
    return parseSettings((name) => stored.get(name));
  } catch {
    return DEFAULT_SETTINGS;
  }
}

function remember(settings: ChartSettings): void {
  try {
    localStorage.setItem(STORAGE_KEY, new URLSearchParams(formatSettings(settings)).toString());
  } catch {
    // Without storage they are forgotten with the page.
  }
}

export interface ChartSettingsState {
  settings: ChartSettings;
  change: (changes: Partial<ChartSettings>) => void;
  zoom: Store<Zoom | null>;
}

/** How a page's charts are drawn: by its address, else as in this browser before. Both are kept up with changes. */
export function useChartSettings(): ChartSettingsState {
  const params = useSearchParams();
  const [settings, setSettings] = useState(() =>
    parseSettings((name) => params.get(name), readRemembered()),
  );
  const [zoom] = useState(() => createStore<Zoom | null>(parseZoom(params.get("zoom"))));
  const change = useCallback(
    (changes: Partial<ChartSettings>) =>
      setSettings((before) => {
        // A part of one axis means nothing on another.
        if (changes.x !== undefined && changes.x !== before.x) zoom.set(null);
        return { ...before, ...changes };
      }),
    [zoom],
  );
  const [initial] = useState(settings);
  useEffect(() => {
    if (settings === initial) return;
    const wait = setTimeout(() => {
      remember(settings);
      replaceParams(formatSettings(settings));
    }, REST_MS);
    return () => clearTimeout(wait);
  }, [settings, initial]);
  useEffect(() => {
    let wait: ReturnType<typeof setTimeout>;
    const unsubscribe = zoom.subscribe(() => {
      clearTimeout(wait);
      wait = setTimeout(() => replaceParams({ zoom: formatZoom(zoom.get()) }), REST_MS);
    });
    return () => {
      clearTimeout(wait);
      unsubscribe();
    };
  }, [zoom]);
  return useMemo(() => ({ settings, change, zoom }), [settings, change, zoom]);
}
