"use client";
import { useMemo, useState } from "react";
import { isolateSeries, toggleSeries } from "./shown-series";
import type { SeriesStyle } from "./prepare/view";

/** The series of a plot and which of them its legend hides. */
export interface ShownSeries {
  styles: readonly SeriesStyle[];
  hidden: ReadonlySet<string>;
  toggle: (key: string) => void;
  /** Shows one alone; again: all of them. */
  isolate: (key: string) => void;
}

const NONE: ReadonlySet<string> = new Set();

/** Which series of a plot are shown: all at first. */
export function useShownSeries(styles: readonly SeriesStyle[]): ShownSeries {
  const [hidden, setHidden] = useState(NONE);
  return useMemo(
    () => ({
      styles,
      hidden,
      toggle: (key) => setHidden((before) => toggleSeries(before, key)),
      isolate: (key) =>
        setHidden((before) =>
          isolateSeries(
            before,
            key,
            styles.map((style) => style.key),
          ),
        ),
    }),
    [styles, hidden],
  );
}
