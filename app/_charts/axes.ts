/** Axes of the plots: their ends and ticks, and which step a pointer or a key means. Pure. */

/** First and last step of the axis: it begins at 0 or below, and reaches `lastStep` where that is known. */
export const computeStepDomain = (steps: readonly number[], lastStep = 0): [number, number] => [
  Math.min(0, steps[0] ?? 0),
  Math.max(lastStep, steps.at(-1) ?? 0, 1),
];

/** The step of an ascending list that is nearest to a place on the axis; null where there is none. */
const findNearest = (steps: readonly number[], target: number): number | null => {
  let low = 0;
  let high = steps.length - 1;
  if (high < 0) return null;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! < target) low = middle + 1;
    else high = middle;
  }
  const after = steps[low]!;
  const before = steps[Math.max(0, low - 1)]!;
  return target - before < after - target ? before : after;
};

/** How far beyond the ends of the axis, as a share of it, a pointer still means the first or last step. */
const AXIS_MARGIN = 0.02;

/** The step under a pointer that is at `share` of the axis (0: its start, 1: its end); null beside the axis. */
export const findStepAtShare = (
  steps: readonly number[],
  [from, to]: readonly [number, number],
  share: number,
): number | null =>
  share < -AXIS_MARGIN || share > 1 + AXIS_MARGIN
    ? null
    : findNearest(steps, from + share * (to - from));

/** The step `move` places after the current one, kept within the list; without a current one the first or the last. */
export function findNeighbourStep(
  steps: readonly number[],
  current: number | null,
  move: number,
): number | null {
  const nearest = current === null ? null : findNearest(steps, current);
  const index = nearest === null ? (move > 0 ? -1 : steps.length) : steps.indexOf(nearest);
  return steps[Math.min(steps.length - 1, Math.max(0, index + move))] ?? null;
}

/** share: at least 0..1; positive: from 0; free: around the values. */
export type Scale = "share" | "positive" | "free";

export interface ValueAxis {
  domain: [number, number];
  ticks: number[];
  /** Distance of the ticks: decides how many digits they need. */
  stride: number;
}

/** The smallest of 1, 2 and 5 times a power of ten that is not below a distance. */
function roundStride(distance: number): number {
  const power = 10 ** Math.floor(Math.log10(distance));
  return [1, 2, 5, 10].map((m) => m * power).find((s) => s >= distance * (1 - 1e-9)) ?? 10 * power;
}

/** A value axis with round ends and ticks. Shares keep 0..1, so that charts of shares can be compared by eye. */
export function computeValueAxis(values: readonly number[], scale: Scale): ValueAxis {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (values.length === 0) [low, high] = [0, 1];
  if (scale === "share") {
    if (low >= 0 && high <= 1)
      return { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], stride: 0.25 };
    [low, high] = [Math.min(0, low), Math.max(1, high)];
  }
  if (scale === "positive") low = Math.min(0, low);
  if (high === low)
    [low, high] =
      scale === "positive"
        ? [low, low + 1]
        : [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
  const stride = roundStride((high - low) / 4);
  const from = Math.floor(low / stride + 1e-9);
  const to = Math.ceil(high / stride - 1e-9);
  const ticks = Array.from({ length: to - from + 1 }, (_, i) =>
    Number(((from + i) * stride).toPrecision(12)),
  );
  return { domain: [ticks[0]!, ticks[ticks.length - 1]!], ticks, stride };
}

/** Digits after the point that ticks of this distance need. */
export function countTickDigits(stride: number): number {
  for (let digits = 0; digits < 6; digits++)
    if (Math.abs(Math.round(stride * 10 ** digits) - stride * 10 ** digits) < 1e-6) return digits;
  return 6;
}

/** Whole-numbered ticks of a step axis, at most `most` of them, at 1, 2 or 5 times a power of ten. */
export function computeStepTicks(from: number, to: number, most = 6): number[] {
  if (to <= from) return [from];
  const raw = (to - from) / most;
  const power = 10 ** Math.floor(Math.log10(Math.max(raw, 1)));
  const stride = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? 10 * power;
  const ticks: number[] = [];
  for (let t = Math.ceil(from / stride) * stride; t <= to; t += stride) ticks.push(t);
  return ticks;
}
