import type { Text } from "@/app/_i18n/format-text";
import { formatCompact, formatInteger, formatSeconds } from "@/app/_lib/format/format";
import { findFirstAtLeast, X_NAMES, type XKind, type XName } from "./x-axis";

/** Axes of the plots: their ends and ticks, and which place a pointer or a key means. Pure. */

export interface Axis {
  domain: readonly [number, number];
  ticks: readonly number[];
  /** Logarithmic; both ends are then above 0. */
  log: boolean;
}

/** Where a value stands on an axis: 0 at its start, 1 at its end; beyond it, beyond these. */
export function toShare({ domain: [from, to], log }: Axis, value: number): number {
  if (to === from) return 0.5;
  if (!log) return (value - from) / (to - from);
  return value <= 0 ? -Infinity : Math.log(value / from) / Math.log(to / from);
}

/** The value that stands at a share of an axis. */
export const fromShare = ({ domain: [from, to], log }: Axis, share: number): number =>
  log ? from * (to / from) ** share : from + share * (to - from);

/** Ends of the axis of steps: it begins at 0 or below, and reaches `lastX` where that is known. */
export const computeXDomain = (xs: readonly number[], lastX = 0): [number, number] => [
  Math.min(0, xs[0] ?? 0),
  Math.max(lastX, xs.at(-1) ?? 0, 1),
];

/** The entry of an ascending list that is nearest to a place on the axis; null where there is none. */
function findNearest(list: readonly number[], target: number): number | null {
  if (list.length === 0) return null;
  const i = Math.min(findFirstAtLeast(list, target), list.length - 1);
  const before = list[Math.max(0, i - 1)]!;
  return target - before < list[i]! - target ? before : list[i]!;
}

/** How far beyond the ends of the axis, as a share of it, a pointer still means the first or last point. */
const AXIS_MARGIN = 0.02;

/** The point under a pointer that is at `share` of the axis; null beside the axis. */
export const findXAtShare = (xs: readonly number[], axis: Axis, share: number): number | null =>
  share < -AXIS_MARGIN || share > 1 + AXIS_MARGIN ? null : findNearest(xs, fromShare(axis, share));

/** The point `move` places after the current one, kept within the list; without a current one the first or the last. */
export function findNeighbour(
  xs: readonly number[],
  current: number | null,
  move: number,
): number | null {
  const nearest = current === null ? null : findNearest(xs, current);
  const index = nearest === null ? (move > 0 ? -1 : xs.length) : xs.indexOf(nearest);
  return xs[Math.min(xs.length - 1, Math.max(0, index + move))] ?? null;
}

/** A part of an axis around a place, `factor` times as long; it stays within `whole`, which null stands for. */
export function scaleZoom(
  { domain: [from, to] }: Axis,
  whole: readonly [number, number],
  centre: number,
  factor: number,
): [number, number] | null {
  const low = Math.max(whole[0], centre - (centre - from) * factor);
  const high = Math.min(whole[1], centre + (to - centre) * factor);
  return low <= whole[0] && high >= whole[1] ? null : [low, high];
}

/** A finger on a plot: the place that it holds, and where on the axis it is. */
export interface TouchPoint {
  x: number;
  share: number;
}

/** Two fingers are taken to be at least this share of the axis apart. */
const LEAST_SPREAD = 0.05;

/** The part of an axis at which two fingers keep the places that they hold; it stays within `whole`, which null stands for. */
export function pinchZoom(
  { log }: Axis,
  whole: readonly [number, number],
  fingers: readonly [TouchPoint, TouchPoint],
): [number, number] | null {
  const [left, right] = [...fingers].sort((a, b) => a.x - b.x) as [TouchPoint, TouchPoint];
  const [low, high] = [left.x, right.x].map((x) => (log ? Math.log(x) : x)) as [number, number];
  const length = (high - low) / Math.max(LEAST_SPREAD, right.share - left.share);
  const start = low - left.share * length;
  const [from, to] = [start, start + length].map((end) => (log ? Math.exp(end) : end));
  const part: [number, number] = [Math.max(whole[0], from!), Math.min(whole[1], to!)];
  const isWhole = part[0] <= whole[0] && part[1] >= whole[1];
  return isWhole || part[0] >= part[1] ? null : part;
}

/** share: at least 0..1; positive: from 0; free: around the values. */
export type Scale = "share" | "positive" | "free";

export interface ValueAxis extends Axis {
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
      return { domain: [0, 1], ticks: [0, 0.25, 0.5, 0.75, 1], stride: 0.25, log: false };
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
  return { domain: [ticks[0]!, ticks[ticks.length - 1]!], ticks, stride, log: false };
}

/** Powers of ten within the ends, or 1, 2 and 5 times them where they are few; at most `most`. */
function listLogTicks(from: number, to: number, most = 7): number[] {
  const low = Math.floor(Math.log10(from) + 1e-9);
  const high = Math.ceil(Math.log10(to) - 1e-9);
  const powers = Array.from({ length: high - low + 1 }, (_, i) => Number(`1e${low + i}`));
  const within = (list: number[]): number[] =>
    list.filter((tick) => tick >= from * (1 - 1e-9) && tick <= to * (1 + 1e-9));
  if (high - low <= 2) {
    const fine = within(powers.flatMap((power) => [power, 2 * power, 5 * power]));
    if (fine.length > 1) return fine;
  }
  const every = Math.ceil(powers.length / most);
  return within(powers.filter((_, i) => i % every === 0));
}

/** A logarithmic axis that holds the values above 0; null where there is none. */
export function computeLogAxis(values: readonly number[]): ValueAxis | null {
  let low = Infinity;
  let high = 0;
  for (const value of values)
    if (value > 0) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  if (high === 0) return null;
  if (high / low < 1.5) [low, high] = [low / 1.5, high * 1.5];
  return { domain: [low, high], ticks: listLogTicks(low, high), stride: 0, log: true };
}

/** Values beyond this share at either end do not stretch an axis without outliers. */
const OUTLIER_SHARE = 0.02;

/** The middle of the values, with a quarter of its height above and below it; all of them where they are few. */
export function trimOutliers(values: readonly number[]): number[] {
  if (values.length < 10) return [...values];
  const sorted = [...values].sort((a, b) => a - b);
  const cut = Math.max(1, Math.floor(sorted.length * OUTLIER_SHARE));
  const [low, high] = [sorted[cut]!, sorted[sorted.length - 1 - cut]!];
  const margin = (high - low) / 4;
  return sorted.filter((value) => value >= low - margin && value <= high + margin);
}

/** Digits after the point that ticks of this distance need. */
export function countTickDigits(stride: number): number {
  for (let digits = 0; digits < 6; digits++)
    if (Math.abs(Math.round(stride * 10 ** digits) - stride * 10 ** digits) < 1e-6) return digits;
  return 6;
}

/** Lengths of time, in seconds, that ticks may be apart. */
const TIME_STRIDES = [1, 2, 5, 10, 15, 30]
  .flatMap((n) => [n, n * 60])
  .concat([1, 2, 3, 6, 12, 24, 48, 96, 168].map((hours) => hours * 3600));
TIME_STRIDES.sort((a, b) => a - b);

/** Round ticks of a horizontal axis, at most `most` of them: whole steps, or whole seconds, minutes, hours. */
export function computeXTicks(from: number, to: number, kind: XKind = "step", most = 6): number[] {
  if (to <= from) return [from];
  const raw = (to - from) / most;
  const round = roundStride(Math.max(raw, 1));
  const stride = kind === "time" ? (TIME_STRIDES.find((s) => s >= raw) ?? round) : round;
  const ticks: number[] = [];
  for (let t = Math.ceil(from / stride) * stride; t <= to; t += stride) ticks.push(t);
  return ticks;
}

/** The horizontal axis of a plot, linear or logarithmic. */
export function computeXAxis(
  [from, to]: readonly [number, number],
  kind: XKind,
  firstPositive: number | null,
): Axis {
  if (firstPositive === null || to <= firstPositive)
    return { domain: [from, to], ticks: computeXTicks(from, to, kind), log: false };
  const start = Math.max(from, firstPositive);
  return { domain: [start, to], ticks: listLogTicks(start, to), log: true };
}

/** Text of a place on the horizontal axis, short. */
export const formatXTick = (kind: XKind, x: number): string =>
  x === 0
    ? "0"
    : kind === "time"
      ? formatSeconds(x)
      : x >= 1e6
        ? formatCompact(x)
        : formatInteger(x);

/** "step 12", "4 m 05 s", "1,200 tokens". */
export function formatX(t: Text, kind: XKind, x: number, stepName: XName = "step"): string {
  if (kind === "time") return formatSeconds(x);
  const place = formatInteger(x);
  if (kind === "step") return t(X_NAMES[stepName], { place });
  return t(kind === "tokens" ? "{place} tokens" : "{place} episodes", { place });
}
