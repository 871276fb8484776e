"use client";
import { useMemo, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { cn } from "@/app/_lib/cn";
import { formatInteger } from "@/app/_lib/format";
import { useHoveredStep, useHoverStore } from "./hover";
import { findNeighbourStep, findStepAtShare } from "./axes";
import { formatValue, type Unit } from "./units";

/** Fixed margins of every plot, so that the crosshair can be placed without asking recharts. */
export const PLOT = { left: 44, right: 10, top: 8, bottom: 22 } as const;
export const PLOT_HEIGHT = 172;

export interface LegendEntry {
  key: string;
  label: string;
  colour: string;
  dashed?: boolean;
  /** Value at a step; null where the series has no point there. */
  at: (step: number) => number | null;
  latest: number | null;
}

interface PlotFrameProps {
  label: string;
  steps: readonly number[];
  domain: readonly [number, number];
  legend: readonly LegendEntry[];
  unit: Unit;
  children: ReactNode;
}

/**
 * What all plots share: a legend with the latest values, or with those of the hovered step; a crosshair at the same step
 * on every chart of the page. The pointer and the arrow keys move the hovered step.
 */
export function PlotFrame({ label, steps, domain, legend, unit, children }: PlotFrameProps) {
  const store = useHoverStore();
  const [from, to] = domain;
  const onPointer = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - box.left - PLOT.left) / (box.width - PLOT.left - PLOT.right);
    store.set(findStepAtShare(steps, domain, share));
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") return store.set(null);
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (move === undefined || steps.length === 0) return;
    event.preventDefault();
    store.set(findNeighbourStep(steps, store.get(), move));
  };
  const summary = useMemo(
    () => legend.map((l) => `${l.label} ${formatValue(unit, l.latest)}`).join(", "),
    [legend, unit],
  );
  return (
    <>
      <Legend legend={legend} unit={unit} />
      {/* eslint-disable jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex -- the plot is one focus stop whose arrow keys read out its steps; no interactive role fits it */}
      <div
        role="group"
        aria-roledescription="chart"
        aria-label={`${label}: ${summary}. Arrow keys move along the steps.`}
        tabIndex={0}
        className="relative mt-1 touch-pan-y rounded"
        style={{ height: PLOT_HEIGHT }}
        onPointerMove={onPointer}
        onPointerDown={onPointer}
        onPointerLeave={() => store.set(null)}
        onBlur={() => store.set(null)}
        onKeyDown={onKey}
      >
        {children}
        <Crosshair from={from} to={to} />
      </div>
      {/* eslint-enable jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/no-noninteractive-tabindex */}
    </>
  );
}

function Crosshair({ from, to }: { from: number; to: number }) {
  const step = useHoveredStep();
  if (step === null || step < from || step > to) return null;
  const share = to === from ? 0.5 : (step - from) / (to - from);
  return (
    <div
      aria-hidden
      className="pointer-events-none absolute w-px bg-foreground/40"
      style={{
        top: PLOT.top,
        bottom: PLOT.bottom,
        left: `calc(${PLOT.left}px + ${share} * (100% - ${PLOT.left + PLOT.right}px))`,
      }}
    />
  );
}

function Legend({ legend, unit }: Pick<PlotFrameProps, "legend" | "unit">) {
  const step = useHoveredStep();
  return (
    <div className="mt-2 flex flex-wrap items-baseline gap-x-3 gap-y-0.5 text-2xs text-muted-foreground">
      {legend.map((entry) => {
        const value = step === null ? entry.latest : entry.at(step);
        return (
          <span key={entry.key} className="inline-flex items-center gap-1.5 whitespace-nowrap">
            <svg width="12" height="8" aria-hidden className="shrink-0">
              <line
                x1="0"
                x2="12"
                y1="4"
                y2="4"
                stroke={entry.colour}
                strokeWidth="2.5"
                strokeDasharray={entry.dashed ? "3 2" : undefined}
              />
            </svg>
            {entry.label}
            <span
              className={cn(
                "min-w-9 font-mono text-foreground",
                value === null && "text-muted-foreground",
              )}
            >
              {formatValue(unit, value)}
            </span>
          </span>
        );
      })}
    </div>
  );
}

/** A box of a plot's size that says why there is no point yet. */
export function WaitingPlot({ children }: { children: ReactNode }) {
  return (
    <div
      className="mt-2 mb-2 flex items-center justify-center rounded-md bg-muted/50 px-4 text-center text-xs text-muted-foreground"
      style={{ height: PLOT_HEIGHT + 12 }}
    >
      {children}
    </div>
  );
}

/** Which step the legend's values are of. */
export function StepLabel({ stepName }: { stepName: string }) {
  const step = useHoveredStep();
  return (
    <span className="shrink-0 font-mono text-2xs whitespace-nowrap text-muted-foreground">
      {step === null ? "latest" : `${stepName} ${formatInteger(step)}`}
    </span>
  );
}
