import { markText, type Text } from "@/app/_i18n/format-text";
import { saveFile, saveLink } from "@/app/_lib/save-file";
import { escapeCsvField } from "@/core/comparability/results-table";
import { BYTE_ORDER_MARK } from "@/core/metrics/csv";
import { findMetric } from "@/core/metrics/metrics";
import type { PlacedLine } from "./prepare";
import type { SeriesStyle } from "./view";
import type { XKind } from "./x-axis";

/** What is saved of a plot as text. */

/** What a table is made of. */
export interface PlotTableRequest {
  lines: readonly PlacedLine[];
  styles: readonly SeriesStyle[];
  /** Null: the axis counts steps. */
  xKind: XKind | null;
  smoothing: number;
}

export interface PlotTable {
  /** For people, in their language. */
  columns: string[];
  /** For programs: the same in every language. */
  names: string[];
  /** Ascending in step; null where a series has no point, and as the step of a mean of runs at different ones. */
  rows: (number | null)[][];
}

const AXIS_COLUMNS: Readonly<Record<XKind, string>> = {
  step: markText("step"),
  time: markText("time"),
  episodes: markText("episodes"),
  tokens: markText("tokens"),
};

/** Columns of a series beside its values. */
const INTERVAL_COLUMNS = [markText("{label} low"), markText("{label} high")];
const RUNS_COLUMN = markText("{label} n");
const EXTREME_COLUMNS = [markText("{label} min"), markText("{label} max")];

/**
 * The points of a plot as a table: step, place on the axis where that is another, and for each series its value, its
 * extremes where points stand for several, the smoothed value where it is smoothed, and of a mean how many runs it is over.
 */
export function buildPlotTable(
  t: Text,
  { lines, styles, xKind, smoothing }: PlotTableRequest,
): PlotTable {
  const labels = new Map(styles.map(({ key, label }) => [key, label]));
  const parts = lines.map((line) => {
    const label = labels.get(line.key) ?? line.key;
    const hasEnds = line.points.some(({ low, high }) => low < high);
    const isMean = line.points.some(({ n }) => n !== undefined);
    const ends = line.hasBand ? INTERVAL_COLUMNS : EXTREME_COLUMNS;
    // Labels of metrics are translated, those of runs and groups are names.
    const name = findMetric(line.key) ? line.key : label;
    return {
      byPlace: new Map(line.points.map((point) => [`${point.step} ${point.x}`, point])),
      hasEnds,
      isMean,
      columns: [
        label,
        ...(hasEnds ? ends.map((end) => t(end, { label })) : []),
        ...(isMean ? [t(RUNS_COLUMN, { label })] : []),
        ...(smoothing > 0 ? [t("{label} smoothed {smoothing}", { label, smoothing })] : []),
      ],
      names: [
        name,
        ...(hasEnds ? (line.hasBand ? ["low", "high"] : ["min", "max"]) : []).map(
          (end) => `${name}_${end}`,
        ),
        ...(isMean ? [`${name}_n`] : []),
        ...(smoothing > 0 ? [`${name}_smoothed_${smoothing}`] : []),
      ],
    };
  });
  const places = new Map(
    lines.flatMap(({ points, isPlaced }) =>
      points.map(({ step, x }) => [`${step} ${x}`, { step: isPlaced ? null : step, x }] as const),
    ),
  );
  const rows = [...places]
    .sort(([, a], [, b]) => a.x - b.x || (a.step ?? 0) - (b.step ?? 0))
    .map(([place, { step, x }]) => [
      step,
      ...(xKind === null ? [] : [x]),
      ...parts.flatMap(({ byPlace, hasEnds, isMean }) => {
        const point = byPlace.get(place);
        return [
          point?.value ?? null,
          ...(hasEnds ? [point?.low ?? null, point?.high ?? null] : []),
          ...(isMean ? [point?.n ?? null] : []),
          ...(smoothing > 0 ? [point?.smoothed ?? null] : []),
        ];
      }),
    ]);
  const columns = [
    t(AXIS_COLUMNS.step),
    ...(xKind === null ? [] : [t(AXIS_COLUMNS[xKind])]),
    ...parts.flatMap((part) => part.columns),
  ];
  const names = [
    "step",
    ...(xKind === null ? [] : [xKind === "step" ? "x" : xKind]),
    ...parts.flatMap((part) => part.names),
  ];
  return { columns, names, rows };
}

/** A table as comma-separated values with a head of names (RFC 4180, UTF-8); an absent value is empty. */
export const formatCsv = ({ names, rows }: Omit<PlotTable, "columns">): string =>
  BYTE_ORDER_MARK +
  [names.map(escapeCsvField), ...rows.map((row) => row.map((value) => value ?? ""))]
    .map((row) => row.join(","))
    .join("\r\n") +
  "\r\n";

/** A title, in any language, as the name of a file. */
export const formatFileName = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, "-")
    .replaceAll(/^-|-$/g, "") || "chart";

/** Every point that was reported of metrics of runs. */
export interface ReportedPoints {
  runIds: readonly string[];
  names: readonly string[];
}

/** Lets the browser save every reported point as comma-separated values, which the server writes. */
export const saveReportedPoints = (title: string, { runIds, names }: ReportedPoints): void => {
  const query = new URLSearchParams([
    ...runIds.map((id) => ["run", id]),
    ...names.map((name) => ["metric", name]),
  ]);
  saveLink(`${formatFileName(title)}-points.csv`, `/points?${query}`);
};

/** Lets the browser save what a plot draws as comma-separated values, named after its title. */
export const savePlotCsv = (t: Text, title: string, request: PlotTableRequest): void =>
  saveFile(`${formatFileName(title)}.csv`, "text/csv", formatCsv(buildPlotTable(t, request)));
