import type { EpisodeMeasure, MeasureRange } from "@/contracts/api/episodes";

/** Measures whose values are not whole numbers. */
export const REAL_MEASURES: ReadonlySet<EpisodeMeasure> = new Set(["reward", "advantage", "score"]);

const MOST_BARS = 30;
/** About how many episodes a sample holds. */
const SAMPLE_SIZE = 4_000;

/** One of how many episodes is looked at where looking at all takes too long: a power of two. */
export const chooseSample = (episodes: number): number =>
  2 ** Math.max(0, Math.ceil(Math.log2(episodes / SAMPLE_SIZE)));

/** Edges of at most 31 bars of equal, round width: the first at or below `min`, the last above `max`. */
export function chooseEdges(min: number, max: number, isWhole: boolean): number[] {
  const least = isWhole ? 1 : Number.MIN_VALUE;
  const width = Math.max(least, roundUp((max - min) / MOST_BARS || (isWhole ? 1 : 0.1)));
  const first = Math.floor(min / width);
  const edges = [trimError(first * width)];
  while (edges.at(-1)! <= max) edges.push(trimError((first + edges.length) * width));
  return edges;
}

/** The next of 1, 2 and 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((step) => step * power >= value * (1 - 1e-9)) ?? 10;
  return trimError(factor * power);
}

/** 0.15000000000000002 is 0.15: an edge is sent as text and comes back in a filter. */
const trimError = (value: number): number => Number(value.toPrecision(12));

/** How many values lie from each of the edges to below the next; `counts` says how often each value is there. */
export function countBars(
  edges: readonly number[],
  values: readonly number[],
  counts: readonly number[],
): { bar: number; count: number }[] {
  const bars = new Map<number, number>();
  for (const [i, value] of values.entries()) {
    const bar = edges.findLastIndex((edge) => edge <= value);
    bars.set(bar, (bars.get(bar) ?? 0) + counts[i]!);
  }
  return [...bars].sort(([a], [b]) => a - b).map(([bar, count]) => ({ bar, count }));
}

/** The range of values that a bar counts. */
export const describeBar = (
  edges: readonly number[],
  bar: number,
  isWhole: boolean,
): MeasureRange => {
  const min = edges[bar]!;
  const below = edges[bar + 1]!;
  return isWhole ? { min, max: below - 1 } : { min, below };
};
