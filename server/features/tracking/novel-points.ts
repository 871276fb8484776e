import type { MlflowMetric } from "@/contracts/formats/mlflow/requests";
import { AppError } from "@/contracts/errors";
import type { MetricPoint } from "@/contracts/records/metric-point";
import { groupBy } from "@/lib/group-by";
import type { SeriesEnd } from "./queries";

/**
 * MLflow's API numbers no requests, and its clients send one again whose answer got lost. A point is therefore known by
 * what it is: the same key, step, time and value is the same point. Pure.
 */

const MOST_STEPS = 2 ** 31 - 1;

/** Points that can be drawn, and those whose value is no number. @throws AppError "invalid-input" for a step that cannot be stored */
export function splitByValue(metrics: readonly MlflowMetric[]): {
  points: MetricPoint[];
  odd: MetricPoint[];
} {
  const outside = metrics.find(({ step }) => step < 0 || step > MOST_STEPS);
  if (outside)
    throw new AppError(
      "invalid-input",
      `Step ${outside.step} of "${outside.key}" cannot be stored: steps are whole numbers from 0 to ${MOST_STEPS}. Nothing of this request was stored.`,
    );
  const all = metrics.map(({ key, step, timestamp, value }) => ({
    name: key,
    step,
    at: timestamp,
    value,
  }));
  return {
    points: all.filter(({ value }) => Number.isFinite(value)),
    odd: all.filter(({ value }) => !Number.isFinite(value)),
  };
}

const buildPointKey = ({ name, step, at, value }: MetricPoint): string =>
  `${step} ${at} ${value} ${name}`;

/** Whether a point lies beyond all stored ones of its series, so that it cannot be one of them. */
export const isBeyond = ({ step, at }: MetricPoint, end: SeriesEnd | undefined): boolean =>
  end === undefined || step > end.step || at > end.greatestAt;

/**
 * The points that are not stored yet, each once, in their order.
 * @param stored those stored that a point which is not beyond its series' end could be
 */
export function selectNovel(
  points: readonly MetricPoint[],
  stored: readonly MetricPoint[],
): MetricPoint[] {
  const known = new Set(stored.map(buildPointKey));
  return points.filter((point) => {
    const key = buildPointKey(point);
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

const isNewer = (a: MetricPoint, b: { step: number; at: number; value: number }): boolean =>
  a.step !== b.step ? a.step > b.step : a.at !== b.at ? a.at > b.at : a.value > b.value;

/** The ends of those series that points extend. As MLflow has it, the newest of equal step and time is the greater value. */
export function extendEnds(
  ends: ReadonlyMap<string, SeriesEnd>,
  points: readonly MetricPoint[],
): SeriesEnd[] {
  return [...groupBy(points, ({ name }) => name)].map(([name, added]) => {
    const first = added[0]!;
    const extended = { ...(ends.get(name) ?? { ...first, greatestAt: first.at }) };
    for (const point of added) {
      extended.greatestAt = Math.max(extended.greatestAt, point.at);
      if (isNewer(point, extended))
        Object.assign(extended, { step: point.step, at: point.at, value: point.value });
    }
    return extended;
  });
}
