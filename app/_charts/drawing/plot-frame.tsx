"use client";
import { useRef, type ReactNode, type RefObject } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatInteger } from "@/app/_lib/format/format";
import { formatX, toShare, type Axis } from "@/app/_charts/prepare/axes";
import { useChartScope, useHoveredX } from "./chart-scope";
import { defer } from "@/app/_ui/deferred";
import { Legend, type LegendEntry } from "./legend";
import type { ChartMarker } from "@/app/_charts/prepare/marks";
import type { ReferenceValue } from "./plot-drawing";
import { PlotMenu, type OpenPlot } from "./plot-menu";
import { PLOT, PLOT_HEIGHT } from "./plot-size";
import { ResetZoom } from "./reset-zoom";
import { formatValue, type Unit } from "@/app/_charts/prepare/units";
import { useInSight } from "./use-in-sight";
import { usePlotPointer } from "./use-plot-pointer";
import type { PlotView } from "@/app/_charts/prepare/view";
import { findStep } from "@/app/_charts/prepare/x-axis";

/** Recharts is loaded when the first plot comes in sight. */
const drawing = defer(() => import("./plot-drawing"));

export interface PlotFrameProps {
  label: string;
  view: PlotView;
  legend: readonly LegendEntry[];
  unit: Unit;
  markers: readonly ChartMarker[];
  references: readonly ReferenceValue[];
  isSmoothed: boolean;
  onToggle: (key: string) => void;
  onIsolate: (key: string) => void;
  /** Absent: it is open over the whole window already. */
  onOpen?: (open: OpenPlot) => void;
  saveCsv: () => Promise<void>;
  /** Absent: what it draws is all there is. */
  savePoints?: () => Promise<void>;
  /** True while a gesture of this plot changes the zoom. */
  active: RefObject<boolean>;
  /** The least, as CSS has it; a number is in pixels. In a column of a taller card it grows. */
  height: number | string;
}

/**
 * What all plots share: a legend with the latest values, or with those of the hovered place; a crosshair at the same
 * place on every chart of the page; a zoom by dragging, or with two fingers. The arrow keys move the hovered place.
 */
export function PlotFrame(props: PlotFrameProps) {
  const t = useText();
  const { label, view, legend, unit, markers, references, height } = props;
  const { xKind, track, hasToolbar } = useChartScope();
  const plot = useRef<HTMLDivElement>(null);
  const isInSight = useInSight(plot);
  const loaded = drawing.useModule(isInSight);
  const { handlers, selection, spoken } = usePlotPointer(props);
  const summary = legend
    .map((l) => `${l.style.label} ${formatValue(unit, l.latest?.value ?? null)}`)
    .join(", ");
  const notes = [...view.notes, ...references.flatMap(({ note }) => note ?? [])];
  return (
    <>
      <div className="mt-2 flex items-start justify-between gap-2">
        <Legend
          entries={legend}
          unit={unit}
          isSmoothed={props.isSmoothed}
          onToggle={props.onToggle}
          onIsolate={props.onIsolate}
        />
        <span className="-mt-1 flex shrink-0 items-center">
          {/* A dialog covers the toolbar. */}
          {hasToolbar && props.onOpen ? null : <ResetZoom />}
          <PlotMenu {...props} plot={plot} />
        </span>
      </div>
      {/* eslint-disable jsx-a11y/no-noninteractive-tabindex -- the plot is one focus stop whose arrow keys read out its points; no interactive role fits it */}
      <div
        ref={plot}
        role="group"
        aria-roledescription={t("chart")}
        aria-label={t(
          "{label}: {summary}. Arrow keys move along the points, plus and minus zoom, 0 shows all.",
          { label, summary },
        )}
        tabIndex={0}
        className="relative mt-1 grow cursor-crosshair touch-pan-y rounded select-none"
        style={{ minHeight: height }}
        {...handlers}
      >
        <div className="absolute inset-0">
          {isInSight && loaded ? (
            <loaded.default
              view={view}
              xKind={xKind}
              track={track}
              unit={unit}
              markers={markers}
              references={references}
            />
          ) : null}
        </div>
        <Crosshair axis={view.x} />
        {selection ? <Selection from={selection[0]} to={selection[1]} /> : null}
        <p role="status" className="sr-only">
          {spoken}
        </p>
      </div>
      {/* eslint-enable jsx-a11y/no-noninteractive-tabindex */}
      {notes.length > 0 ? (
        <p className="mb-1 text-2xs text-muted-foreground" data-notes>
          {notes.join(" ")}
        </p>
      ) : null}
    </>
  );
}

const placeAt = (share: number): string =>
  `calc(${PLOT.left}px + ${share} * (100% - ${PLOT.left + PLOT.right}px))`;

function Crosshair({ axis }: { axis: Axis }) {
  const x = useHoveredX();
  if (x === null || x < axis.domain[0] || x > axis.domain[1]) return null;
  return (
    <div
      aria-hidden
      className="pointer-events-none absolute w-px bg-foreground/40"
      style={{ top: PLOT.top, bottom: PLOT.bottom, left: placeAt(toShare(axis, x)) }}
    />
  );
}

/** The part that is being dragged over. */
const Selection = ({ from, to }: { from: number; to: number }) => (
  <div
    aria-hidden
    className="pointer-events-none absolute border-x border-primary bg-primary/15"
    style={{
      top: PLOT.top,
      bottom: PLOT.bottom,
      left: placeAt(from),
      width: `calc(${to - from} * (100% - ${PLOT.left + PLOT.right}px))`,
    }}
  />
);

/** A box of a plot's size that says why there is no point yet. */
export function WaitingPlot({ children }: { children: ReactNode }) {
  return (
    <div
      className="mt-2 mb-2 flex grow items-center justify-center rounded-md bg-muted/50 px-4 text-center text-xs text-muted-foreground"
      style={{ minHeight: PLOT_HEIGHT + 12 }}
    >
      {children}
    </div>
  );
}

/** Which place the legend's values are of; on another axis than steps, with the step that it is at. */
export function StepLabel() {
  const t = useText();
  const { xKind, xName, track } = useChartScope();
  const x = useHoveredX();
  return (
    <span className="shrink-0 font-mono text-2xs whitespace-nowrap text-muted-foreground">
      {x === null
        ? t("latest")
        : track
          ? t("{place} · step {step}", {
              place: formatX(t, xKind, x, xName),
              step: formatInteger(Math.round(findStep(track, x))),
            })
          : formatX(t, xKind, x, xName)}
    </span>
  );
}
