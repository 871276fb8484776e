import { X_KINDS, type XKind } from "./x-axis";

/** How all charts of a page are drawn, and how that stands in its address. Pure. */

export const MARKER_KINDS = ["alarm", "restart", "checkpoint", "evaluation"] as const;
export type MarkerKind = (typeof MARKER_KINDS)[number];

export interface ChartSettings {
  /** Weight of what came before: 0 draws the values as they are. */
  smoothing: number;
  x: XKind;
  logX: boolean;
  logY: boolean;
  /** The value axis holds the middle of the values; the chart counts those outside. */
  clip: boolean;
  markers: readonly MarkerKind[];
}

export const MAX_SMOOTHING = 0.99;

export const DEFAULT_SETTINGS: ChartSettings = {
  smoothing: 0,
  x: "step",
  logX: false,
  logY: false,
  clip: false,
  markers: ["alarm", "restart"],
};

/** A part of the horizontal axis, in its unit. */
export type Zoom = readonly [from: number, to: number];

const includes = <T extends string>(list: readonly T[], text: string | null): text is T =>
  text !== null && (list as readonly string[]).includes(text);

/** The settings of an address; what is absent or makes no sense is as in `otherwise`. */
export function parseSettings(
  get: (name: string) => string | null,
  otherwise = DEFAULT_SETTINGS,
): ChartSettings {
  const smoothing = Number(get("smooth") ?? Number.NaN);
  const x = get("x");
  const log = get("log");
  const markers = get("markers");
  return {
    smoothing: smoothing >= 0 && smoothing <= MAX_SMOOTHING ? smoothing : otherwise.smoothing,
    x: includes(X_KINDS, x) ? x : otherwise.x,
    logX: log === null ? otherwise.logX : log.includes("x"),
    logY: log === null ? otherwise.logY : log.includes("y"),
    clip: get("outliers") === null ? otherwise.clip : get("outliers") === "out",
    markers:
      markers === null
        ? otherwise.markers
        : MARKER_KINDS.filter((kind) => markers.split(",").includes(kind)),
  };
}

/** The parameters that say the settings, all of them: a link shows the same to someone with other habits. */
export const formatSettings = (settings: ChartSettings): Record<string, string> => ({
  smooth: String(settings.smoothing),
  x: settings.x,
  log: `${settings.logX ? "x" : ""}${settings.logY ? "y" : ""}` || "none",
  outliers: settings.clip ? "out" : "in",
  markers: settings.markers.join(",") || "none",
});

/** "100..400"; null where it is no range. */
export function parseZoom(text: string | null): Zoom | null {
  const [from, to] = (text ?? "").split("..").map(Number);
  return from !== undefined && to !== undefined && from < to ? [from, to] : null;
}

export const formatZoom = (zoom: Zoom | null): string | null =>
  zoom && zoom.map((end) => Number(end.toPrecision(8))).join("..");
