"use client";
import { memo, useCallback, useMemo, useRef, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { deferPart } from "@/app/_ui/optional-part";
import type { Scale } from "@/app/_charts/prepare/axes";
import { useChartScope, useDrawnZoom } from "./chart-scope";
import type { LegendEntry } from "./legend";
import type { ChartMarker } from "@/app/_charts/prepare/marks";
import type { ReferenceValue } from "./plot-drawing";
import { PlotFrame } from "./plot-frame";
import type { OpenPlot } from "./plot-menu";
import { PLOT_HEIGHT } from "./plot-size";
import type { ReportedPoints } from "@/app/_charts/prepare/export";
import { readLine, type PlacedLine } from "@/app/_charts/prepare/prepare";
import type { Unit } from "@/app/_charts/prepare/units";
import type { ShownSeries } from "./use-shown-series";
import { buildView } from "@/app/_charts/prepare/view";
import { findX } from "@/app/_charts/prepare/x-axis";

const PlotDialog = deferPart(
  () => import("./plot-dialog").then((m) => m.PlotDialog),
  () => null,
);

interface PlotProps {
  label: string;
  kind: "lines" | "stack";
  lines: readonly PlacedLine[];
  legend: ShownSeries;
  scale: Scale;
  unit: Unit;
  lastStep?: number;
  marks?: readonly ChartMarker[];
  references?: readonly ReferenceValue[];
  /** What its points were made of; absent: they are not metrics of runs. */
  reported?: ReportedPoints;
}

const NO_MARKS: readonly ChartMarker[] = [];
const NO_REFERENCES: readonly ReferenceValue[] = [];

/**
 * A plot in its place, and in a dialog over the whole window when it is opened. What stands around it reads the page's
 * address: a change of that alone draws no plot again.
 */
export const Plot = memo(function Plot({
  label,
  kind,
  lines,
  legend: shown,
  scale,
  unit,
  lastStep,
  marks = NO_MARKS,
  references = NO_REFERENCES,
  reported,
}: PlotProps) {
  const t = useText();
  const { settings, track, xKind, markers: pageMarkers } = useChartScope();
  const active = useRef(false);
  const zoom = useDrawnZoom(useCallback(() => active.current, []));
  const [open, setOpen] = useState<OpenPlot | null>(null);
  const { styles, hidden } = shown;
  const visible = useMemo(() => lines.filter(({ key }) => !hidden.has(key)), [lines, hidden]);
  const view = useMemo(
    () =>
      buildView(t, {
        lines: visible,
        styles,
        kind,
        scale,
        settings,
        xKind,
        zoom,
        lastX: lastStep === undefined ? undefined : (findX(track, lastStep) ?? undefined),
        references: references.map(({ value }) => value),
      }),
    [t, visible, styles, kind, scale, settings, xKind, zoom, lastStep, track, references],
  );
  const markers = useMemo(
    () => [...marks, ...pageMarkers].filter((marker) => settings.markers.includes(marker.kind)),
    [marks, pageMarkers, settings.markers],
  );
  const legend = useMemo(() => {
    const byKey = new Map(lines.map((line) => [line.key, line]));
    return styles.map((style): LegendEntry => {
      const line = byKey.get(style.key);
      const last = line?.points.at(-1);
      return {
        style,
        isHidden: hidden.has(style.key),
        latest: last ? { ...last, carriedFrom: null } : null,
        read: (x) => (line ? readLine(line, x) : null),
      };
    });
  }, [lines, styles, hidden]);
  const values = {
    lines: visible,
    styles,
    xKind: xKind === "step" ? null : xKind,
    smoothing: kind === "lines" ? settings.smoothing : 0,
  };
  const frame = {
    label,
    view,
    legend,
    unit,
    markers,
    references,
    isSmoothed: settings.smoothing > 0 && kind === "lines",
    onToggle: shown.toggle,
    onIsolate: shown.isolate,
    saveCsv: () =>
      import("@/app/_charts/prepare/export").then(({ savePlotCsv }) =>
        savePlotCsv(t, label, values),
      ),
    savePoints:
      reported &&
      (() =>
        import("@/app/_charts/prepare/export").then(({ saveReportedPoints }) =>
          saveReportedPoints(label, reported),
        )),
    active,
  };
  return (
    <>
      <PlotFrame {...frame} height={PLOT_HEIGHT} onOpen={setOpen} />
      {open ? <PlotDialog open={open} onOpen={setOpen} frame={frame} values={values} /> : null}
    </>
  );
});
