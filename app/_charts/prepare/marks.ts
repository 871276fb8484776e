import type { AlarmRow } from "@/app/_lib/live/trpc";
import type { AlarmName } from "@/contracts/records/alarms";
import { ALARMS } from "@/core/metrics/alarms";
import type { ChartGroup } from "./chart-definition";
import type { MarkerKind } from "./settings";

/** What happened at a step, or from a step on. */
export interface ChartMarker {
  kind: MarkerKind;
  title: string;
  from: number;
  /** As `from`: it happened at once. Null: it has not ended. */
  to: number | null;
}

/** Steps of a chart during which an alarm was raised. */
export interface AlarmMark extends ChartMarker {
  kind: "alarm";
  name: AlarmName;
}

/**
 * Marks by chart id: a chart is marked where it draws a metric that an alarm was raised for. Charts without a mark are
 * absent.
 */
export function findMarks(
  groups: readonly ChartGroup[],
  alarms: readonly AlarmRow[],
): ReadonlyMap<string, AlarmMark[]> {
  const marks = new Map<string, AlarmMark[]>();
  for (const chart of groups.flatMap((group) => group.charts)) {
    const drawn = new Set<string>(chart.series.map(({ metric }) => metric));
    const mine = alarms.filter(({ evidence }) => evidence.some(({ metric }) => drawn.has(metric)));
    if (mine.length > 0)
      marks.set(
        chart.id,
        mine.map(({ name, since, cleared }) => ({
          kind: "alarm",
          name,
          title: ALARMS[name].title,
          from: since,
          to: cleared?.step ?? null,
        })),
      );
  }
  return marks;
}

/** Markers of single steps, each step once. */
export const listMarkers = (
  kind: MarkerKind,
  title: string,
  steps: readonly number[],
): ChartMarker[] => [...new Set(steps)].map((step) => ({ kind, title, from: step, to: step }));

/** The first chart that draws a metric; null where none does. */
export const findChart = (groups: readonly ChartGroup[], metric: string): string | null =>
  groups
    .flatMap((group) => group.charts)
    .find(({ series }) => series.some((s) => s.metric === metric))?.id ?? null;

/** The chart's id in the page, for links to it. */
export const getChartAnchor = (id: string): string => `chart-${id}`;
