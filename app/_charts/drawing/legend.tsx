"use client";
import { memo, type KeyboardEvent, type MouseEvent } from "react";
import { markText } from "@/app/_i18n/format-text";
import { useText } from "@/app/_i18n/text-provider";
import { cn } from "@/app/_ui/cn";
import { formatInteger } from "@/app/_lib/format/format";
import { useHoveredX } from "./chart-scope";
import type { Reading } from "@/app/_charts/prepare/prepare";
import { formatValue, type Unit } from "@/app/_charts/prepare/units";
import type { SeriesStyle } from "@/app/_charts/prepare/view";

export interface LegendEntry {
  style: SeriesStyle;
  isHidden: boolean;
  latest: Reading | null;
  /** What it says at a place of the axis. */
  read: (x: number) => Reading | null;
}

interface LegendProps {
  entries: readonly LegendEntry[];
  unit: Unit;
  /** Shows the smoothed value beside the raw one. */
  isSmoothed: boolean;
  onToggle: (key: string) => void;
  onIsolate: (key: string) => void;
}

const HINT = markText(
  "Click hides or shows it. Alt-click, a double click or the key I shows it alone.",
);

/** The series of a plot with their values: the latest, or those at the hovered place. */
export const Legend = memo(function Legend({
  entries,
  unit,
  isSmoothed,
  onToggle,
  onIsolate,
}: LegendProps) {
  const t = useText();
  const x = useHoveredX();
  const onClick = (key: string, event: MouseEvent): void => {
    // The second click of a double click must not undo what the double click does.
    if (event.altKey) onIsolate(key);
    else if (event.detail < 2) onToggle(key);
  };
  const onKey = (key: string, event: KeyboardEvent): void => {
    if (event.key.toLowerCase() !== "i" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    onIsolate(key);
  };
  return (
    <div className="flex min-w-0 flex-wrap items-baseline gap-x-3 text-2xs text-muted-foreground">
      {entries.map(({ style, isHidden, latest, read }) => (
        <button
          key={style.key}
          type="button"
          aria-pressed={!isHidden}
          title={t(HINT)}
          className={cn(
            "inline-flex min-h-6 max-w-full items-center gap-1.5 rounded hover:text-foreground",
            isHidden && "line-through",
          )}
          onClick={(event) => onClick(style.key, event)}
          onDoubleClick={() => onIsolate(style.key)}
          onKeyDown={(event) => onKey(style.key, event)}
        >
          <Swatch style={style} />
          <span className="truncate">{style.label}</span>
          <LegendValue
            reading={x === null ? latest : read(x)}
            unit={unit}
            isSmoothed={isSmoothed}
          />
        </button>
      ))}
    </div>
  );
});

const Swatch = ({ style: { colour, dashed } }: { style: SeriesStyle }) => (
  <svg width="16" height="8" aria-hidden className="shrink-0">
    <line
      x1="0"
      x2="16"
      y1="4"
      y2="4"
      stroke={colour}
      strokeWidth="2.5"
      strokeDasharray={dashed === true ? "4 3" : dashed || undefined}
    />
  </svg>
);

interface LegendValueProps {
  reading: Reading | null;
  unit: Unit;
  isSmoothed: boolean;
}

function LegendValue({ reading, unit, isSmoothed }: LegendValueProps) {
  const t = useText();
  const value = reading?.value ?? null;
  return (
    <>
      <span
        className={cn(
          "min-w-9 text-left font-mono whitespace-nowrap text-foreground",
          (value === null || reading?.carriedFrom !== null) && "text-muted-foreground",
        )}
      >
        {formatValue(unit, value)}
      </span>
      {reading?.n === undefined ? null : (
        <span className="whitespace-nowrap" title={t("Runs that have a value here")}>
          {t("n {n}", { n: reading.n })}
        </span>
      )}
      {isSmoothed && reading ? (
        <span className="font-mono whitespace-nowrap">~{formatValue(unit, reading.smoothed)}</span>
      ) : null}
      {reading && reading.carriedFrom !== null ? (
        <span className="whitespace-nowrap italic">
          {t("from {step}", { step: formatInteger(reading.carriedFrom) })}
        </span>
      ) : null}
    </>
  );
}
