import type { AlarmRow } from "@/app/_lib/trpc";
import type { AlarmName } from "@/contracts/records/alarms";
import { ALARMS } from "@/core/metrics/alarms";
import type { ChartGroup } from "./definitions";

/** Steps of a chart during which an alarm was raised. */
export interface ChartMark {
  name: AlarmName;
  title: string;
  from: number;
  /** Null: it is still raised. */
  to: number | null;
}

/**
 * Marks by chart id: a chart is marked where it draws a metric that an alarm was raised for. Charts without a mark are
 * absent.
 */
export function findMarks(
  groups: readonly ChartGroup[],
  alarms: readonly AlarmRow[],
): ReadonlyMap<string, ChartMark[]> {
  const marks = new Map<string, ChartMark[]>();
  for (const chart of groups.flatMap((group) => group.charts)) {
    const drawn = new Set<string>(chart.series.map(({ metric }) => metric));
    const mine = alarms.filter(({ evidence }) => evidence.some(({ metric }) => drawn.has(metric)));
    if (mine.length > 0)
      marks.set(
        chart.id,
        mine.map(({ name, since, cleared }) => ({
          name,
          title: ALARMS[name].title,
          from: since,
          to: cleared?.step ?? null,
        })),
      );
  }
  return marks;
}

/** The first chart that draws a metric; null where none does. */
export const findChart = (groups: readonly ChartGroup[], metric: string): string | null =>
  groups
    .flatMap((group) => group.charts)
    .find(({ series }) => series.some((s) => s.metric === metric))?.id ?? null;

/** The chart's id in the page, for links to it. */
export const getChartAnchor = (id: string): string => `chart-${id}`;
