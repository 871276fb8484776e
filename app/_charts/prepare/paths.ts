import { toShare, type Axis } from "./axes";
import type { Layer } from "./view";

/** Paths of layers, in the pixels of a plot. Pure. */

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** How far outside of the box a path may go: it is clipped there, and an infinite end would spoil it. */
const FAR = 4;

/** Maps places and values to pixels. */
function createScale(box: Box, x: Axis, y: Axis) {
  const limit = (share: number): number => Math.min(1 + FAR, Math.max(-FAR, share));
  const round = (pixels: number): number => Math.round(pixels * 10) / 10;
  return {
    toX: (place: number): number => round(box.x + limit(toShare(x, place)) * box.width),
    toY: (value: number): number => round(box.y + (1 - limit(toShare(y, value))) * box.height),
  };
}

/** The path of a layer: of an area around, of a line along it. Values that a logarithmic axis has not break a line. */
export function buildPath(
  { kind, parts }: Pick<Layer, "kind" | "parts">,
  box: Box,
  x: Axis,
  y: Axis,
): string {
  const { toX, toY } = createScale(box, x, y);
  if (kind === "area")
    return parts
      .map((part) => {
        const over = part.map(({ x: at, high }) => `${toX(at)},${toY(high)}`);
        const back = part.map(({ x: at, low }) => `${toX(at)},${toY(low)}`).reverse();
        return `M${[...over, ...back].join("L")}Z`;
      })
      .join("");
  let path = "";
  for (const part of parts) {
    let isDown = false;
    for (const { x: at, high } of part) {
      const isShown = (!y.log || high > 0) && (!x.log || at > 0);
      if (isShown) path += `${isDown ? "L" : "M"}${toX(at)},${toY(high)}`;
      isDown = isShown;
    }
  }
  return path;
}

/** More points than these are no longer drawn as dots: they would hide the line. */
const MAX_DOTS = 100;

/** Where points are drawn as dots: all of them where they are few and asked for, else those that stand alone in their part, which a line does not show. */
export const listDots = (
  { parts, style }: Layer,
  box: Box,
  x: Axis,
  y: Axis,
): { cx: number; cy: number }[] => {
  const { toX, toY } = createScale(box, x, y);
  const isDotted = style.dots && parts.reduce((sum, part) => sum + part.length, 0) <= MAX_DOTS;
  return parts
    .filter((part) => isDotted || part.length === 1)
    .flatMap((part) => part.filter(({ high }) => !y.log || high > 0))
    .map(({ x: at, high }) => ({ cx: toX(at), cy: toY(high) }));
};
