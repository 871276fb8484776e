import { markText } from "@/app/_i18n/format-text";
import type { StepRange } from "@/app/_lib/live/use-series";
import { hasOwnAxis } from "@/core/run/attempt-lineage";
import type { Point } from "./point";

/** What the horizontal axis counts: steps, or what a track of the run maps steps to. Pure. */

export const X_KINDS = ["step", "time", "episodes", "tokens"] as const;
export type XKind = (typeof X_KINDS)[number];

/** What one of the axis is called, with a place on it: shown by `t(text, { place })`. */
export const X_NAMES = {
  step: markText("step {place}"),
  batch: markText("batch {place}"),
  question: markText("question {place}"),
  second: markText("second {place}"),
  k: markText("k {place}"),
} as const;
export type XName = keyof typeof X_NAMES;

/** Where each step of a run stands on another axis; both lists ascend. */
export interface Track {
  steps: readonly number[];
  xs: readonly number[];
}

/** Of a run that has not measured what the axis counts: nothing of it has a place. */
export const NO_TRACK: Track = { steps: [], xs: [] };

/** The tracks that a run's metrics give. Seconds since the first point of those, episodes and tokens up to a step. */
export type Tracks = Partial<Record<Exclude<XKind, "step">, Track>>;

/** Index of the first entry of an ascending list that is not below a value; the length where all are. */
export function findFirstAtLeast(list: readonly number[], value: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Maps a value from one ascending list to the other, linearly between entries; null outside of them. */
function interpolate(from: readonly number[], to: readonly number[], value: number): number | null {
  const i = findFirstAtLeast(from, value);
  if (from[i] === value) return to[i]!;
  if (i === 0 || i === from.length) return null;
  const share = (value - from[i - 1]!) / (from[i]! - from[i - 1]!);
  return to[i - 1]! + share * (to[i]! - to[i - 1]!);
}

/** Where a step stands; null where the track does not reach it. Without a track, at itself. */
export const findX = (track: Track | null, step: number): number | null =>
  track ? interpolate(track.steps, track.xs, step) : step;

/** The step at a place, the nearest end of the track beyond it. Without a track, the place itself. */
export function findStep(track: Track | null, x: number): number {
  if (!track) return x;
  const { steps, xs } = track;
  return interpolate(xs, steps, x) ?? (x < (xs[0] ?? 0) ? steps[0] : steps.at(-1)) ?? x;
}

/** The steps that a part of the axis shows. */
export const findStepRange = (
  track: Track | null,
  [from, to]: readonly [number, number],
): StepRange => ({
  from: Math.floor(findStep(track, from)),
  to: Math.ceil(findStep(track, to)),
});

type SeriesOfRun = Readonly<Record<string, readonly Point[] | undefined>>;

/** Seconds between the first point of the run and the last one of each step. */
function buildTimeTrack(series: SeriesOfRun): Track | null {
  const ends = new Map<number, number>();
  for (const points of Object.values(series))
    for (const { step, at } of points ?? [])
      if (at !== undefined) ends.set(step, Math.max(ends.get(step) ?? -Infinity, at));
  const entries = [...ends].sort(([a], [b]) => a - b);
  if (entries.length < 2) return null;
  const start = entries[0]![1];
  let latest = 0;
  // A value that is reported late for an early step must not turn time back.
  const xs = entries.map(([, at]) => (latest = Math.max(latest, (at - start) / 1000)));
  return { steps: entries.map(([step]) => step), xs };
}

/** Running totals: a point that stands for several steps counts its mean for each. */
function buildTotalTrack(points: readonly { step: number; amount: number }[]): Track | null {
  if (points.length === 0) return null;
  let total = 0;
  return {
    steps: [points[0]!.step - 1, ...points.map(({ step }) => step)],
    xs: [0, ...points.map(({ amount }) => (total += Math.max(0, amount)))],
  };
}

/**
 * What the axis of several runs can count, by the names of metrics that any of them reported: what `buildTracks` makes of
 * them.
 */
export const listKinds = (names: ReadonlySet<string>): XKind[] => {
  const [tokens, length] = TRACK_METRICS;
  return X_KINDS.filter(
    (kind) =>
      kind === "step" ||
      ((kind === "time" ? names.size > 0 : names.has(tokens)) &&
        (kind !== "episodes" || names.has(length))),
  );
};

/** Metrics that `buildTracks` reads beside those that are drawn. */
export const TRACK_METRICS = ["state_tokens/total", "response_length/mean"] as const;

/** What a training run of this product reports at each step and each evaluation, the one before training included. */
const TRAINING_CLOCK = [...TRACK_METRICS, "timing_s/step", "held-out/accuracy"] as const;
/** Families of names (`critic/…`) of which a run of another kind is read. */
const MOST_FAMILIES = 20;

/**
 * The metrics that say when a run reached its steps, by what it has reported and by nothing else, so that a mean on
 * another axis is the same whatever is shown beside it. Of another trainer's run nothing is known: what it reports
 * together has names of one family, so one of each family is read.
 *
 * @param reported every metric of the run
 */
export function chooseClockMetrics(reported: readonly string[]): string[] {
  const [tokens] = TRACK_METRICS;
  if (reported.includes(tokens)) return TRAINING_CLOCK.filter((name) => reported.includes(name));
  const families = new Map<string, string>();
  for (const name of reported.filter((one) => !hasOwnAxis(one)).toSorted()) {
    const family = name.split(/[/_.]/, 1)[0]!;
    if (!families.has(family)) families.set(family, name);
  }
  return [...families.values()].slice(0, MOST_FAMILIES);
}

/**
 * The tracks of a run: tokens are its action tokens, episodes those tokens by their mean number an episode. An axis that
 * the run has not measured is absent.
 */
export function buildTracks(series: SeriesOfRun): Tracks {
  const tokens = series["state_tokens/total"] ?? [];
  const lengths = new Map(
    (series["response_length/mean"] ?? []).map(({ step, value }) => [step, value]),
  );
  const time = buildTimeTrack(series);
  const tokenTrack = buildTotalTrack(
    tokens.map(({ step, value, count = 1 }) => ({ step, amount: value * count })),
  );
  const episodeTrack = tokens.every(({ step }) => (lengths.get(step) ?? 0) > 0)
    ? buildTotalTrack(
        tokens.map(({ step, value, count = 1 }) => ({
          step,
          amount: Math.round((value * count) / lengths.get(step)!),
        })),
      )
    : null;
  return {
    ...(time && { time }),
    ...(tokenTrack && { tokens: tokenTrack }),
    ...(episodeTrack && { episodes: episodeTrack }),
  };
}
