import { getSeriesColour, SERIES_COLOURS } from "./series-colour";
import type { Text } from "@/app/_i18n/format-text";
import { findMetric, getMetricLabel, listMetricsWithRole } from "@/core/metrics/metrics";
import type { MetricUnit } from "@/core/metrics/metric-definition";
import type { Scale } from "./axes";
import type { ChartDefinition } from "./chart-definition";
import type { Unit } from "./units";

/** Panels: charts that people put together of any metrics. Pure. */

export interface Panel {
  /** Empty: the names of its metrics. */
  title: string;
  metrics: string[];
}

const KEY_METRICS: readonly string[] = listMetricsWithRole("key");

const UNITS: Partial<Record<MetricUnit, Unit>> = {
  share: "share",
  seconds: "seconds",
  count: "count",
  tokens: "count",
};

/** How a metric is drawn on its own. */
function findLook(name: string): { unit: Unit; scale: Scale } {
  const unit = UNITS[findMetric(name)?.unit ?? "number"] ?? "number";
  return { unit, scale: unit === "share" ? "share" : unit === "number" ? "free" : "positive" };
}

/** A panel as a chart. Metrics of different units share the axis of plain numbers. */
export function buildPanelChart({ title, metrics }: Panel): ChartDefinition {
  const looks = metrics.map(findLook);
  const look = looks.every(({ unit }) => unit === looks[0]?.unit) ? looks[0] : undefined;
  const single = metrics.length === 1 ? metrics[0]! : null;
  return {
    id: `panel-${metrics.join("+")}`,
    title: title || metrics.join(", "),
    hasOwnTitle: title !== "",
    explanation: single ? (findMetric(single)?.description ?? "") : "",
    kind: "lines",
    ...(look ?? { unit: "number", scale: "free" }),
    series: metrics.map((metric, i) => ({
      metric,
      label: single ? getMetricLabel(metric) : metric,
      colour: getSeriesColour(i),
      dashed: i >= SERIES_COLOURS,
      dots: metric.startsWith("held-out/"),
    })),
  };
}

/** Names that a regular expression finds, whatever the case; null where it is none. */
export function findNames(names: readonly string[], pattern: string): string[] | null {
  try {
    const expression = new RegExp(pattern, "i");
    return names.filter((name) => expression.test(name));
  } catch {
    return null;
  }
}

export interface NameGroup {
  title: string;
  names: string[];
}

/** Names by their first part; the key ones stand first. */
export function groupNames(t: Text, names: readonly string[]): NameGroup[] {
  const groups = new Map<string, string[]>();
  const key = KEY_METRICS.filter((name) => names.includes(name));
  if (key.length > 0) groups.set(t("Key metrics"), key);
  for (const name of [...names].sort()) {
    if (key.includes(name)) continue;
    const title = name.includes("/") ? name.slice(0, name.indexOf("/")) : t("Other");
    groups.set(title, [...(groups.get(title) ?? []), name]);
  }
  return [...groups].map(([title, members]) => ({ title, names: members }));
}

/** A list with one entry moved; it stays where there is no place. */
export function moveEntry<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  if (to < 0 || to >= list.length) return next;
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
}

const isAlone = (panel: Panel, name: string): boolean =>
  panel.metrics.length === 1 && panel.metrics[0] === name;

/** Whether a metric has a panel of its own. */
export const isPinned = (panels: readonly Panel[], name: string): boolean =>
  panels.some((panel) => isAlone(panel, name));

/** Gives a metric a panel of its own, or takes that away. */
export const togglePin = (panels: readonly Panel[], name: string): Panel[] =>
  isPinned(panels, name)
    ? panels.filter((panel) => !isAlone(panel, name))
    : [...panels, { title: "", metrics: [name] }];
