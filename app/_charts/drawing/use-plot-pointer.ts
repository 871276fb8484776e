"use client";
import { useRef, useState, type KeyboardEvent, type PointerEvent, type RefObject } from "react";
import type { Text } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import {
  findNeighbour,
  findXAtShare,
  formatX,
  fromShare,
  pinchZoom,
  scaleZoom,
  type TouchPoint,
} from "@/app/_charts/prepare/axes";
import { useChartScope } from "./chart-scope";
import type { LegendEntry } from "./legend";
import { PLOT } from "./plot-size";
import type { Reading } from "@/app/_charts/prepare/prepare";
import type { Zoom } from "@/app/_charts/prepare/settings";
import { formatValue, type Unit } from "@/app/_charts/prepare/units";
import type { PlotView } from "@/app/_charts/prepare/view";

interface PlotPointerRequest {
  view: PlotView;
  legend: readonly LegendEntry[];
  unit: Unit;
  active: RefObject<boolean>;
}

/** A shorter drag, in pixels, is a click. */
const MIN_DRAG = 5;
/** How much of the axis is left by one key of the zoom. */
const ZOOM_FACTOR = 0.5;
/** Points that an arrow key moves by with Shift. */
const LONG_MOVE = 10;

const MOVES: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  Home: -Infinity,
  End: Infinity,
};

/** What a series says at a place, with the number of runs of a mean, and the step that a value is carried from. */
function formatReading(t: Text, label: string, unit: Unit, reading: Reading | null): string {
  const shown = formatValue(unit, reading?.value ?? null);
  const value =
    reading?.n === undefined ? shown : t("{mean}, n {n}", { mean: shown, n: reading.n });
  const step = reading?.carriedFrom ?? null;
  return step === null
    ? `${label} ${value}`
    : t("{label} {value} from step {step}", { label, value, step });
}

/** Hovering and zooming of one plot, by pointer and by keys. */
export function usePlotPointer({ view, legend, unit, active }: PlotPointerRequest) {
  const t = useText();
  const { hover, zoom, xKind, xName } = useChartScope();
  const [selection, setSelection] = useState<Zoom | null>(null);
  const [spoken, setSpoken] = useState("");
  const start = useRef<{ share: number; left: number } | null>(null);
  const fingers = useRef(new Map<number, TouchPoint>());

  const findShare = (event: PointerEvent<HTMLElement>): number => {
    const box = event.currentTarget.getBoundingClientRect();
    return (event.clientX - box.left - PLOT.left) / (box.width - PLOT.left - PLOT.right);
  };
  const setZoom = (next: Zoom | null): void => {
    active.current = true;
    zoom.set(next);
    active.current = false;
  };
  const touch = ({ pointerId }: PointerEvent, share: number): void => {
    fingers.current.set(pointerId, { share, x: 0 });
    // Those that were down before may have been moved since, alone.
    for (const finger of fingers.current.values()) finger.x = fromShare(view.x, finger.share);
  };
  /** Whether the event is one of two fingers, which zoom. */
  const pinch = ({ pointerId }: PointerEvent, share: number): boolean => {
    const finger = fingers.current.get(pointerId);
    if (finger) finger.share = share;
    const [one, other, third] = [...fingers.current.values()];
    if (!finger || !one || !other || third) return false;
    hover.set(null);
    setZoom(pinchZoom(view.x, view.whole, [one, other]));
    return true;
  };
  const move = (event: PointerEvent<HTMLElement>): void => {
    const share = findShare(event);
    if (pinch(event, share)) return;
    hover.set(findXAtShare(view.xs, view.x, share));
    if (!start.current) return;
    const isDrag = Math.abs(event.clientX - start.current.left) >= MIN_DRAG;
    const ends = [start.current.share, share].map((end) => Math.min(1, Math.max(0, end)));
    setSelection(isDrag ? [Math.min(...ends), Math.max(...ends)] : null);
  };
  const stop = (): void => {
    if (start.current && selection) {
      const [from, to] = selection.map((share) => fromShare(view.x, share));
      if (from! < to!) setZoom([from!, to!]);
    }
    start.current = null;
    setSelection(null);
  };
  const speak = (x: number | null): void =>
    setSpoken(
      x === null
        ? ""
        : t("{place}: {values}", {
            place: formatX(t, xKind, x, xName),
            values: legend
              .filter(({ isHidden }) => !isHidden)
              .map(({ style: { label }, read }) => formatReading(t, label, unit, read(x)))
              .join(", "),
          }),
    );
  const onZoomKey = (key: string): boolean => {
    const centre = hover.get() ?? fromShare(view.x, 0.5);
    if (key === "0") setZoom(null);
    else if (key === "+" || key === "=")
      setZoom(scaleZoom(view.x, view.whole, centre, ZOOM_FACTOR));
    else if (key === "-") setZoom(scaleZoom(view.x, view.whole, centre, 1 / ZOOM_FACTOR));
    else return false;
    return true;
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      hover.set(null);
      return speak(null);
    }
    const step = MOVES[event.key];
    if (step !== undefined && view.xs.length > 0) {
      hover.set(findNeighbour(view.xs, hover.get(), event.shiftKey ? step * LONG_MOVE : step));
      speak(hover.get());
    } else if (!onZoomKey(event.key)) return;
    event.preventDefault();
  };
  return {
    /** The part that is being dragged over, as shares of the axis. */
    selection,
    /** What a screen reader says after a key. */
    spoken,
    handlers: {
      onPointerMove: move,
      onPointerDown: (event: PointerEvent<HTMLElement>) => {
        // One finger reads along the curve, two zoom.
        if (event.pointerType === "touch") {
          // It is the first one: others that are known were lifted where the plot did not see it.
          if (event.isPrimary) fingers.current.clear();
          touch(event, findShare(event));
        } else if (event.button === 0) {
          start.current = { share: findShare(event), left: event.clientX };
          event.currentTarget.setPointerCapture?.(event.pointerId);
        }
        move(event);
      },
      onPointerUp: (event: PointerEvent) => {
        fingers.current.delete(event.pointerId);
        stop();
      },
      onPointerCancel: (event: PointerEvent) => {
        fingers.current.delete(event.pointerId);
        start.current = null;
        setSelection(null);
      },
      onPointerLeave: () => hover.set(null),
      onDoubleClick: () => setZoom(null),
      onBlur: () => hover.set(null),
      onKeyDown,
    },
  };
}
