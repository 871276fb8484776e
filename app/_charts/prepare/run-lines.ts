import type { Series } from "@/app/_lib/live/use-series";
import { getMetricRange } from "@/core/metrics/metrics";
import { computeBand, computeBandAtPlaces, type BandPoint } from "@/core/statistics/mean-curve";
import type { Point } from "./point";
import type { LineSeries, SeriesStyle } from "./view";
import { buildTracks, findX, NO_TRACK, type Track, type Tracks, type XKind } from "./x-axis";

/** Curves of one metric of several runs. Pure. */

/** Points of each mean, however many there are, so that what else is shown changes none of them. */
export const MEAN_POINTS = 250;
/** Points of the part of a mean that is zoomed to. */
const DETAIL_POINTS = 500;

/** Runs that are drawn as one curve: a run's own points, or the mean of several. */
export interface LineGroup extends SeriesStyle {
  runIds: readonly string[];
}

export type SeriesOfRuns = Readonly<Record<string, Series>>;
export type TracksOfRuns = Readonly<Record<string, Tracks>>;

export interface RunLinesRequest {
  metric: string;
  groups: readonly LineGroup[];
  series: SeriesOfRuns;
  /** A part of the series in full resolution. */
  detail?: SeriesOfRuns;
  xKind: XKind;
  tracks: TracksOfRuns;
}

export const toMeanPoints = (band: readonly BandPoint[]): Point[] =>
  band.map(({ step, mean, low, high, n, stretch }) => ({
    step,
    value: mean,
    band: low === null || high === null ? null : [low, high],
    n,
    stretch,
  }));

/** The tracks of runs, each by the metrics that are its clock: what else was read of it changes nothing. */
export const buildTracksOfRuns = (
  series: SeriesOfRuns,
  clocks: Readonly<Record<string, readonly string[]>>,
): TracksOfRuns =>
  Object.fromEntries(
    Object.entries(series).map(([id, ofRun]) => [
      id,
      buildTracks(Object.fromEntries((clocks[id] ?? []).map((name) => [name, ofRun[name]]))),
    ]),
  );

/** The track of a run; where it has none of this axis, one that places nothing. Null: the axis counts steps. */
const findTrack = (xKind: XKind, tracks: Tracks | undefined): Track | null =>
  xKind === "step" ? null : (tracks?.[xKind] ?? NO_TRACK);

/** Points at their places on an axis; those that the track does not reach are left out. */
const placePoints = (points: Series[string], track: Track | null): Series[string] =>
  points.flatMap((point) => {
    const x = findX(track, point.step);
    return x === null ? [] : [{ ...point, step: x }];
  });

/** Numbers the stretches of a part as the whole does, so that no curve breaks where the part begins. */
function alignStretches(part: readonly Point[], whole: readonly Point[]): Point[] {
  const first = part[0]?.step ?? 0;
  const begun = whole.find(({ step }) => step >= first)?.stretch ?? 0;
  return part.map((point) => ({ ...point, stretch: (point.stretch ?? 0) + begun }));
}

/**
 * One curve a group: the run's own points, or the mean of its runs with their 95% interval. A mean on another axis than
 * steps is that of what the runs had reached at the same place of it, each by its own track.
 */
export const buildRunLines = ({
  metric,
  groups,
  series,
  detail,
  xKind,
  tracks,
}: RunLinesRequest): LineSeries[] =>
  groups.flatMap(({ runIds, ...style }): LineSeries[] => {
    const measured = runIds.filter((id) => (series[id]?.[metric]?.length ?? 0) > 0);
    const [only] = measured;
    if (only === undefined) return [];
    if (runIds.length === 1) {
      const track = findTrack(xKind, tracks[only]);
      return [
        { ...style, points: series[only]![metric]!, detail: detail?.[only]?.[metric], track },
      ];
    }
    const own = measured.map((id) => findTrack(xKind, tracks[id]));
    // A mean of some of its runs would be another one: without the track of one of them it has no place.
    const track = own.includes(NO_TRACK) ? NO_TRACK : null;
    const isPlaced = xKind !== "step" && track === null;
    const build = (from: SeriesOfRuns, limit: number): Point[] => {
      const curves = measured.map((id) => from[id]?.[metric] ?? []);
      const range = getMetricRange(metric);
      return toMeanPoints(
        isPlaced
          ? computeBandAtPlaces(
              curves.map((points, i) => placePoints(points, own[i]!)),
              limit,
              range,
            )
          : computeBand(curves, limit, range),
      );
    };
    const points = build(series, MEAN_POINTS);
    return [
      {
        ...style,
        points,
        detail: detail && alignStretches(build(detail, DETAIL_POINTS), points),
        track,
        isPlaced,
      },
    ];
  });
