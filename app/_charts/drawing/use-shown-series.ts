"use client";
import { useSearchParams } from "next/navigation";
import { useMemo, useState } from "react";
import { replaceParams } from "@/app/_lib/hooks/use-params";
import { formatHidden, isolateSeries, parseHidden, toggleSeries } from "./shown-series";
import type { SeriesStyle } from "@/app/_charts/prepare/view";

/** The series of a plot and which of them its legend hides. */
export interface ShownSeries {
  styles: readonly SeriesStyle[];
  hidden: ReadonlySet<string>;
  toggle: (key: string) => void;
  /** Shows one alone; again: all of them. */
  isolate: (key: string) => void;
}

const NONE: ReadonlySet<string> = new Set();
const PARAM = "hide";

/** Writes what a chart hides into the address, as the last of its charts. */
function writeHidden(chartId: string, hidden: ReadonlySet<string>): void {
  const charts = parseHidden(new URLSearchParams(window.location.search).get(PARAM));
  charts.delete(chartId);
  replaceParams({ [PARAM]: formatHidden(charts.set(chartId, hidden)) });
}

/**
 * Which series of a plot are shown: by the page's address, else all. Changes are kept there; no other chart follows them.
 *
 * @param chartId what the chart is called in the address: no other chart of the page has it
 */
export function useShownSeries(chartId: string, styles: readonly SeriesStyle[]): ShownSeries {
  const params = useSearchParams();
  const [hidden, setHidden] = useState(() => parseHidden(params.get(PARAM)).get(chartId) ?? NONE);
  return useMemo(() => {
    const change = (next: ReadonlySet<string>): void => {
      setHidden(next);
      writeHidden(chartId, next);
    };
    return {
      styles,
      hidden,
      toggle: (key) => change(toggleSeries(hidden, key)),
      isolate: (key) =>
        change(
          isolateSeries(
            hidden,
            key,
            styles.map((style) => style.key),
          ),
        ),
    };
  }, [chartId, styles, hidden]);
}
